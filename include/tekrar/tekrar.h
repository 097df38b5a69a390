/* SPDX-License-Identifier: MIT
 *
 * tekrar - recurrent neural networks as an embeddable C library.
 *
 * tekrar (Turkish for "again") trains recurrent networks and runs them, inside somebody else's
 * program: Elman, LSTM and GRU cells, unrolled over time, trained by back-propagation through time
 * with Adam and its relatives, streamed one step at a time without touching the heap, and held
 * against Markov n-grams, their honest rival. This header is the whole public interface and its
 * manual. The equations are in docs/maths.md, the file format in docs/format.md.
 *
 * A COMPLETE PROGRAM: learn to predict the next symbol of a periodic sequence
 *
 *     #include <stdio.h>
 *     #include <tekrar/tekrar.h>
 *
 *     enum { T = 16, B = 8, V = 5 };
 *
 *     int main(void) {
 *         tkr_cell *parts[2], *net;
 *         tkr_sequence *seq;
 *         tkr_optimizer *adam;
 *         int32_t input[T * B], target[T * B];
 *         double loss = 0;
 *         for (int t = 0; t < T; t++)
 *             for (int b = 0; b < B; b++) {
 *                 input[t * B + b] = (t + b) % V;
 *                 target[t * B + b] = (t + b + 1) % V;
 *             }
 *         if (tkr_cell_create(&parts[0], TKR_LSTM, V, 16, NULL)) return 1;
 *         if (tkr_cell_create(&parts[1], TKR_LINEAR, 16, V, NULL)) return 1;
 *         if (tkr_cell_chain(&net, parts, 2, NULL) || tkr_cell_init(net, 1)) return 1;
 *         if (tkr_sequence_create(&seq, net, T, B, TKR_TRAINING, NULL)) return 1;
 *         if (tkr_optimizer_create(&adam, TKR_ADAM, net, NULL)) return 1;
 *         if (tkr_optimizer_set_float(adam, TKR_LEARNING_RATE, 0.01)) return 1;
 *         for (int i = 0; i < 100; i++)
 *             if (tkr_sequence_forward_ids(seq, input, NULL, T, B) ||
 *                 tkr_sequence_loss_ids(seq, &loss, target, NULL) ||
 *                 tkr_sequence_backward(seq, NULL, NULL) || tkr_optimizer_step(adam, seq))
 *                 return 1;
 *         printf("loss %.4f nats per symbol\n", loss);
 *         tkr_optimizer_destroy(adam), tkr_sequence_destroy(seq), tkr_cell_destroy(net);
 *         return 0;
 *     }
 *
 *     cc program.c $(pkg-config --cflags --libs tekrar)
 *
 * GENERAL RULES, told once; a function's own comment speaks only of what differs
 *
 *  Status      Every call that can fail returns int32_t: TKR_OK (0) or a negative TKR_ERR_...
 *              A size, a count or a value always comes back through a pointer.
 *  Failure     A failed call leaves every object as it was and every output untouched, except a
 *              handle output of _create, _load and _chain, which is set to NULL. A pass that stops
 *              on the way (NaN, a function of the caller's) leaves a sequence without outputs.
 *  Detail      A call that fails on an object it may write also leaves a text in it that says what
 *              was wrong: tkr_cell_detail() and its sisters. The text lives until the next failing
 *              call on that object. Calls on a const object report by status alone. A failed
 *              _create or _load has no object to leave it in: it writes to env->detail, if given.
 *              A text about a file that a call got the path of names the path.
 *  Ownership   What _create, _load or _chain hands out belongs to the caller, who gives it to the
 *              matching _destroy. Destroying NULL is a no-op. Arrays passed in are read or written
 *              during the call only, never kept. An object that refers to another (a sequence and
 *              an optimizer to their cell) must be destroyed before it.
 *  Threads     Different objects may be used from different threads at the same time. A const cell
 *              may be shared by any number of threads, as long as none changes it (init, load,
 *              set_..., optimizer step) meanwhile. One object is used by one thread at a time.
 *              After fork() a child may use and destroy what it finds: it computes with one
 *              thread, to the same bits, where an object had threads of its own. Only what another
 *              thread of the parent was using at that moment must be left alone.
 *  Globals     There is no global mutable state. Nothing prints, exits, aborts, installs a handler
 *              or calls back unasked. Inside a call floating point rounds to nearest, no exception
 *              traps, and in the arithmetic of nets denormal numbers count as zero; so it is
 *              in the functions that are called back too. The caller's mode and exception flags
 *              are as they were when the call returns, whatever they are. (On x86 it may take
 *              as long as a small step to put back flags that a call raised; inexact is raised
 *              always. A thread that has computed anything has it raised, and does not wait.)
 *  Memory      All memory comes from env->allocate, at _create, _init, _chain and _load, whose
 *              comments say "Allocates". Forward, loss, backward, optimizer step and
 *              streaming step allocate nothing. A BLAS has memory of its own: tkr_blas_text().
 *  Arrays      float and int32_t, row-major, last index fastest, shapes in brackets:
 *              T steps, B sequences of a batch, I inputs, O outputs, H hidden units, V symbols.
 *              Sequences are time-major: [T][B][I]. Sums that lead to a loss or a norm are double.
 *  Numbers     exp, tanh and the logistic function are within 4 ULP of the exact value.
 *              The same build on the same kernel tier gives the same bits for any number of
 *              threads. Two tiers (say AVX2 and AVX-512) may differ in the last bits, and so may
 *              gradients on the generic tier with another BLAS or without: see tkr_blas_text().
 *
 * The names of constants are pinned: a number, once published, keeps its meaning.
 */
#ifndef TEKRAR_TEKRAR_H
#define TEKRAR_TEKRAR_H

#include <stdint.h>

#include <tekrar/version.h>

#if defined(_WIN32)
#define TKR_API __declspec(dllimport)
#elif defined(__GNUC__)
#define TKR_API __attribute__((visibility("default")))
#else
#define TKR_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------------------
 * STATUS, VERSION
 * --------------------------------------------------------------------------------------------- */

#define TKR_OK 0
#define TKR_ERR_ARGUMENT (-1)    /**< a NULL that must not be, or a value out of its range */
#define TKR_ERR_SHAPE (-2)       /**< a size or length that does not fit the object */
#define TKR_ERR_KEY (-3)         /**< no such option, parameter or state tensor in this object */
#define TKR_ERR_ORDER (-4)       /**< a call before the one that it needs, or after it is too late */
#define TKR_ERR_MEMORY (-5)      /**< the allocator returned NULL, or a size exceeds the address space */
#define TKR_ERR_NUMERIC (-6)     /**< NaN or infinity where a number is needed */
#define TKR_ERR_TOKEN (-7)       /**< an id outside [0, V) */
#define TKR_ERR_IO (-8)          /**< the system, a reader or a writer refused; the text says which */
#define TKR_ERR_FORMAT (-9)      /**< the bytes are not a well-formed file */
#define TKR_ERR_MISMATCH (-10)   /**< a well-formed file that does not fit: a tensor too many, too few */
#define TKR_ERR_UNSUPPORTED (-11) /**< not on this machine, or not in this build or combination */

/** The status' name and meaning in a few English words. Never NULL, static. Since: 0.1 */
TKR_API const char *tkr_status_text(int32_t status);

/** The version of the linked library as major * 1000000 + minor * 1000 + patch. Since: 0.1 */
TKR_API int32_t tkr_version(void);

/** The version of the linked library, "0.1.0". Static. Since: 0.1 */
TKR_API const char *tkr_version_text(void);

/** The BLAS of this build: its file, "libblas.so.3", or that and ", not loaded" while this process
 *  has no such file; "none" if this build knows of none. Static.
 *
 *  A BLAS is not linked. tkr_sequence_create() loads it, for training on the generic tier alone: there
 *  it multiplies the large matrices of gradients. On the other tiers, for inference and for streaming
 *  nothing is loaded. Once there it stays until the process ends. Its memory and its threads are its
 *  own affair (OPENBLAS_NUM_THREADS). Where it cannot be loaded, as in a program linked statically, or
 *  has no cblas_sgemm, our own kernels do its work, and nothing fails. Since: 0.1 */
TKR_API const char *tkr_blas_text(void);

/* ------------------------------------------------------------------------------------------------
 * ENVIRONMENT: what the caller's program lends to an object
 *
 * Every _create takes a `const tkr_env *`, or NULL for: malloc and free, one thread, the best kernel
 * tier of this CPU. The struct is read during the call, the functions in it are kept by the object.
 * --------------------------------------------------------------------------------------------- */

/** One task of a parallel_for: runs index `index` of the job that `argument` describes. */
typedef void (*tkr_task)(void *argument, int64_t index);

#define TKR_TIER_BEST 0      /**< the best that the CPU has for a net of these widths */
#define TKR_TIER_REFERENCE 1 /**< plain C, one number at a time, libm: the definition */
#define TKR_TIER_GENERIC 2   /**< 128-bit vectors that every target of the compiler has */
#define TKR_TIER_AVX2 3      /**< 256-bit, FMA */
#define TKR_TIER_AVX512 4    /**< 512-bit: F, BW, DQ, VL */
#define TKR_TIER_NEON 5      /**< aarch64 */

/** Zero-fill it, set `size`, then what you want to differ from the defaults. Since: 0.1 */
typedef struct tkr_env {
    /** sizeof(tkr_env): says which fields the caller knows. A smaller, older struct stays valid. */
    uint64_t size;
    /** Returns `bytes` bytes aligned as malloc aligns, or NULL. Called only by calls that allocate. */
    void *(*allocate)(void *memory_user, uint64_t bytes);
    /** Takes back a block of `allocate`; `bytes` is what was asked for. Set both or neither. */
    void (*release)(void *memory_user, void *block, uint64_t bytes);
    void *memory_user;
    /** Runs task(argument, 0 .. n-1), in any order, on any threads, and returns when all are done.
     *  NULL: the object keeps `threads` - 1 threads of its own, parked between calls. */
    void (*parallel_for)(void *parallel_user, int64_t n, tkr_task task, void *argument);
    void *parallel_user;
    /** How many threads work on one call, 1..64; 0 means 1. The result does not depend on it. */
    int32_t threads;
    /** A TKR_TIER_...; a tier that this CPU or build lacks is TKR_ERR_UNSUPPORTED, never replaced. */
    int32_t tier;
    /** Where a failed _create, _load or _chain writes its text, NUL-terminated, cut to fit. */
    char *detail;
    uint64_t detail_len;
    /** The caller's own cells that a load may find in its file, by name; read during the call. */
    const struct tkr_user_cell *const *user_cells;
    int64_t n_user_cells;
} tkr_env;

/**
 * Make an env whose objects live in memory of the caller: `allocate` hands out pieces of `memory`
 * one after the other, `release` takes back the newest piece. No heap is involved.
 *
 * @param env     filled; its other fields are set to the defaults
 * @param memory  at least 64 bytes; kept until the last object made from `env` is destroyed
 * @param bytes   how many; the sum of the objects' _size() plus 128 for each is always enough
 * @return TKR_OK, TKR_ERR_ARGUMENT. Since: 0.1
 */
TKR_API int32_t tkr_env_from_memory(tkr_env *env, void *memory, uint64_t bytes);

/** Where a save goes. Returns 0, or anything else to stop the save with TKR_ERR_IO. */
typedef struct tkr_writer {
    uint64_t size; /**< sizeof(tkr_writer) */
    int32_t (*write)(void *user, const void *bytes, uint64_t len);
    void *user;
} tkr_writer;

/** Where a load comes from. Puts up to `len` bytes and their number in *got, 0 only at the end.
 *  Returns 0, or anything else to stop the load with TKR_ERR_IO. */
typedef struct tkr_reader {
    uint64_t size; /**< sizeof(tkr_reader) */
    int32_t (*read)(void *user, void *bytes, uint64_t len, uint64_t *got);
    void *user;
} tkr_reader;

/* ------------------------------------------------------------------------------------------------
 * CELLS: parameters and what is computed with them
 *
 * A cell is made in three steps: create it, set its options, then tkr_cell_init() or
 * tkr_cell_load(), which lay out the parameters. From then on the options that shape them are
 * fixed (TKR_ERR_ORDER). A chain is a cell too: its parts run one after the other at every step. So
 * is a branch: its parts stand side by side. Both may hold chains and branches.
 * --------------------------------------------------------------------------------------------- */

typedef struct tkr_cell tkr_cell;
typedef struct tkr_state tkr_state;
typedef struct tkr_sequence tkr_sequence;
typedef struct tkr_optimizer tkr_optimizer;

/* Kinds. `input` x `hidden` is I x H unless said. */
#define TKR_ELMAN 1     /**< h' = f(W_ih x + b_ih + W_hh h + b_hh)                       Elman 1990 */
#define TKR_LSTM 2      /**< gates i, f, g, o                            Hochreiter 1997, Gers 2000 */
#define TKR_GRU 3       /**< gates r, z, n                                                 Cho 2014 */
#define TKR_LINEAR 4    /**< y = f(W x + b), [O][I], f is TKR_ACTIVATION (identity); H stands for O */
#define TKR_EMBEDDING 5 /**< y = row x of a table [V][E]; the input is ids; V x E */
#define TKR_DROPOUT 6   /**< in training, zero with probability TKR_RATE, scale the rest; I = H */
#define TKR_CHAIN 7     /**< made by tkr_cell_chain(): its parts run one after the other */
#define TKR_BRANCH 8    /**< made by tkr_cell_branch(): its parts have one input, side by side */
#define TKR_SELECT 9    /**< y = columns TKR_FIRST .. TKR_FIRST + H - 1 of x */
#define TKR_AFFINE 10   /**< y = w * x + b, [I] each, from 1 and 0 on: gains, folded batch norm; I = H */
#define TKR_NORM 11     /**< layer normalisation of each step's x; I = H                     Ba 2016 */
#define TKR_ACTIVATE 12 /**< y = f(x), f is TKR_ACTIVATION, softmax and magnitude too; I = H */
#define TKR_LAST 13     /**< the output at the last valid step: see tkr_cell_chain(); I = H */
#define TKR_CONV 14     /**< over time, or inside a step's vector: see TKR_CHANNELS; H output channels */
#define TKR_USER 15     /**< the caller's own functions: made by tkr_cell_create_user() */

/* Options of cells, integers. Which kinds have a key, its default and bounds: see each line, or ask
 * tkr_cell_bounds_int(). E Elman, L LSTM, G GRU, Li linear, D dropout, A activate, C conv. */
#define TKR_LAYERS 1         /**< E L G: layers stacked, 1..64; default 1 */
#define TKR_DIRECTIONS 2     /**< E L G: TKR_FORWARD (default), TKR_BOTH or TKR_REVERSE */
#define TKR_ACTIVATION 3     /**< E Li A: a TKR_TANH...; default tanh (E), identity (Li), tanh (A).
                                  L G: of the candidate and, in an LSTM, of c: tanh (default), relu,
                                  softsign, identity, hard_tanh, elu, leaky_relu */
#define TKR_RESET 4          /**< G: TKR_RESET_AFTER (PyTorch, default) or TKR_RESET_BEFORE */
#define TKR_PEEPHOLES 5      /**< L: 1 lets i, f see c_{t-1} and o see c_t, diagonal; default 0 */
#define TKR_PROJECTION 6     /**< L: P in 1..H-1: h = W_hr (o * tanh c), output [P]; 0 none, default */
#define TKR_BIASES 7         /**< E L G: 2 (PyTorch's b_ih and b_hh, default), 1 or 0; Li C affine
                                  norm: 1 (default) or 0 */
#define TKR_LEARNED_STATE 8  /**< E L G: 1 makes the initial state a parameter; default 0 */
#define TKR_OUTPUT_BEFORE 9  /**< E L G, last layer: 1 outputs h_{t-1}, before x_t is seen; default 0.
                                  One direction. An autoregressive model can so predict its first
                                  symbol from its (learned) initial state. */
#define TKR_INIT 10          /**< all with weights: a TKR_INIT_...; default uniform */
#define TKR_PER_SEQUENCE 11  /**< D: 1 draws one mask per sequence (Gal 2016), 0 per step; default 0 */
#define TKR_COMBINE 12       /**< E L G, of two directions: concatenate (default, outputs [2H]), sum,
                                  mean, product ([H]); of a branch as it was made, read only there */
#define TKR_GATE_ACTIVATION 13 /**< L G: logistic (default), hard_sigmoid, hard_sigmoid_6 */
#define TKR_LAYER_NORM 14    /**< L: 1 normalises both products and c in each step (Ba 2016, eq. 20-22);
                                  default 0. Biases are those of the normalisations */
#define TKR_FIRST 15         /**< select: the first column, 0..I-H; default 0 */
#define TKR_KERNEL 16        /**< C: taps, 1..65536; default 1 */
#define TKR_DILATION 17      /**< C: distance of taps, 1..65536; default 1 */
#define TKR_GROUPS 18        /**< C: input and output channels fall into so many groups; default 1 */
#define TKR_CHANNELS 19      /**< C: 0 (default): over time, I channels; y at a step sees that step and
                                  those before it (causal), and the past inputs are its state. n: inside
                                  each step's vector [n][I / n], channel by channel, without a state;
                                  outputs [H][positions] */
#define TKR_STRIDE 20        /**< C inside a vector: distance of output positions; default 1 */
#define TKR_PAD_LEFT 21      /**< C inside a vector: positions before the first; default 0 */
#define TKR_PAD_RIGHT 22     /**< C inside a vector: positions behind the last; default 0 */
#define TKR_PAD_REFLECT 23   /**< C inside a vector: 1 mirrors what is padded, 0 (default) is zeros */

/* Options of cells, real numbers. */
#define TKR_FORGET_BIAS 32       /**< L: initial value of the forget gate's bias, over the initialiser.
                                      Never added at run time. Jozefowicz 2015: 1.0. Default: unset */
#define TKR_DROPOUT_BETWEEN 33   /**< E L G: dropout after every layer but the last; [0,1); default 0 */
#define TKR_DROPOUT_RECURRENT 34 /**< E L G: on h_{t-1} into the gates, a mask per sequence, Gal 2016 */
#define TKR_ZONEOUT 35           /**< E L G: units keep h_{t-1} with this probability, Krueger 2016 */
#define TKR_ZONEOUT_CELL 36      /**< L: the same for c */
#define TKR_INIT_SCALE 37        /**< factor of the initialiser; default 1 (normal: deviation .01) */
#define TKR_RATE 38              /**< D: probability of zero, [0,1); default 0.5 */
#define TKR_NORM_EPSILON 39      /**< norm, and L with TKR_LAYER_NORM: added to the variance; 1e-5 */

/* Values of TKR_DIRECTIONS. */
#define TKR_FORWARD 1
#define TKR_BOTH 2    /**< a second set of parameters goes from the last valid step to the first */
#define TKR_REVERSE 3 /**< that one alone; outputs stand at their own steps */

/* Values of TKR_COMBINE. */
#define TKR_CONCATENATE 0
#define TKR_SUM 1
#define TKR_MEAN 2
#define TKR_PRODUCT 3

/* Values of TKR_ACTIVATION. */
#define TKR_TANH 1
#define TKR_RELU 2 /**< products may leave out what is 0 in all of a batch, and so a NaN weight of it */
#define TKR_LOGISTIC 3
#define TKR_IDENTITY 4
#define TKR_HARD_SIGMOID 5   /**< 0.2 x + 0.5, between 0 and 1: Keras 2, ONNX's default */
#define TKR_HARD_SIGMOID_6 6 /**< x / 6 + 0.5, between 0 and 1: Keras 3, PyTorch */
#define TKR_SOFTSIGN 7       /**< x / (1 + |x|) */
#define TKR_HARD_TANH 8      /**< x, between -1 and 1 */
#define TKR_ELU 9            /**< x where positive, else e^x - 1 */
#define TKR_LEAKY_RELU 10    /**< x where positive, else 0.01 x */
#define TKR_SOFTPLUS 11      /**< ln(1 + e^x) */
#define TKR_GELU 12          /**< x Phi(x), Phi the normal distribution, not the form with tanh */
#define TKR_SQRT 13          /**< the square root; its gradient at 0 counts as 0 */

#define TKR_SOFTMAX 14       /**< activate only: over all columns of a step. A loss that takes logits is
                                  refused behind it */
#define TKR_MAGNITUDE 15     /**< activate only: sqrt(x_k^2 + x_{k + I/2}^2), output [I/2] */

/* Values of TKR_RESET. */
#define TKR_RESET_AFTER 0  /**< n = tanh(W_n x + b_in + r * (U_n h + b_hn)); cuDNN, PyTorch, Keras */
#define TKR_RESET_BEFORE 1 /**< n = tanh(W_n x + b_in + U_n (r * h) + b_hn); Cho 2014, ONNX default */

/* Values of TKR_INIT. Biases start at zero except under uniform and normal. */
#define TKR_INIT_UNIFORM 1    /**< all in +-1/sqrt(H), linear +-1/sqrt(I), embedding N(0,1): PyTorch;
                                   user: +-1/sqrt of a row of the weight, of rank 1 +-1/sqrt(I) */
#define TKR_INIT_GLOROT 2     /**< weights in +-sqrt(6/(in+out)), gate by gate; Glorot 2010 */
#define TKR_INIT_ORTHOGONAL 3 /**< recurrent gates orthogonal (Saxe 2014), the others Glorot */
#define TKR_INIT_NORMAL 4     /**< everything N(0,1) times TKR_INIT_SCALE; default scale here .01 */

/**
 * Make a cell. Allocates a small block; the parameters come with tkr_cell_init().
 *
 * @param cell    receives the handle; NULL on failure
 * @param kind    TKR_ELMAN .. TKR_DROPOUT, TKR_SELECT .. TKR_CONV
 * @param input   I, at least 1 (embedding: V)
 * @param hidden  H, at least 1 (linear: O; embedding: E; select: columns; conv: output channels;
 *                dropout, affine, norm, activate, last: must equal `input`)
 * @param env     or NULL
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_UNSUPPORTED (tier), TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_cell_create(tkr_cell **cell, int32_t kind, int64_t input, int64_t hidden,
                                const tkr_env *env);

/** Free the cell and, of a chain, its parts. NULL is a no-op. Since: 0.1 */
TKR_API void tkr_cell_destroy(tkr_cell *cell);

/**
 * Chain cells: the output of parts[i] is the input of parts[i+1] at the same step. Allocates.
 * On success the chain owns the parts and parts[] is set to NULLs: configure them before.
 * On failure the parts stay the caller's. Parts must not be initialised, or a part already. Chains
 * and branches may be parts, 8 levels deep. Parameters are named "<part>.<name>", part = its
 * tkr_cell_set_name() or its index, level by level: at most 191 bytes lead to a name.
 *
 * Behind TKR_LAST there is one step: outputs, targets and loss weights are [1][batch][...], and no
 * part may have a state. Of two directions it takes each one's final output, as Keras does; merged
 * directions (TKR_COMBINE) are merged after that. In a streamed step it passes its input on.
 *
 * @param chain  receives the handle; NULL on failure
 * @param parts  [n], each one's input width equal to the output width before it
 * @param n      1..256
 * @param env    or NULL; its tier is the chain's
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_SHAPE (widths, or a convolution wider than its input),
 *         TKR_ERR_ORDER (a part is initialised), TKR_ERR_KEY (two parts of one name),
 *         TKR_ERR_UNSUPPORTED (a state behind TKR_LAST), TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_cell_chain(tkr_cell **chain, tkr_cell **parts, int64_t n, const tkr_env *env);

/**
 * Put cells side by side: all read the branch's input, their outputs are combined at each step.
 * Allocates. Parts, ownership and names are as in tkr_cell_chain(); a branch may be a part itself.
 *
 * @param branch   receives the handle; NULL on failure
 * @param parts    [n], of one input width; to be added up also of one output width
 * @param n        1..64
 * @param combine  TKR_CONCATENATE or TKR_SUM: a skip is the sum of {net, select}
 * @param env      or NULL; its tier is the branch's
 * @return as tkr_cell_chain(). Since: 0.1
 */
TKR_API int32_t tkr_cell_branch(tkr_cell **branch, tkr_cell **parts, int64_t n, int32_t combine,
                                const tkr_env *env);

/*
 * A CELL OF THE CALLER'S OWN: one step, forward and backward, as functions over plain arrays. The
 * library unrolls, truncates, stacks, streams and saves it as any other part. examples/mingru.c is one.
 *
 * The functions may run on several threads at the same time, over different rows, and forward again
 * under TKR_RECOMPUTE; so they keep nothing between calls but what `saved` and the states carry. They
 * return TKR_OK, or a status that ends the call that led to them: a pass then counts as not run, a
 * step leaves the state as it was. What is no TKR_ERR_ becomes TKR_ERR_UNSUPPORTED; the text has the
 * number. A NaN in what they made ends the call with TKR_ERR_NUMERIC; infinity is allowed. They must
 * not call the library with the object that runs them.
 */

/** A parameter or a state of it. */
typedef struct tkr_user_tensor {
    const char *name;  /**< 1..63 of [A-Za-z0-9_-]; no two parameters, no two states of one name */
    int64_t rank;      /**< 1..4; of a state 1 */
    int64_t shape[4];  /**< each at least 1; of a state its width alone */
} tkr_user_tensor;

/** One step of `rows` sequences, which may be fewer than the batch. Arrays are dense, rows first, and do
 *  not overlap. */
typedef struct tkr_user_step {
    uint64_t size; /**< sizeof(tkr_user_step) of the library: what it knows */
    int64_t rows, input, output;    /**< rows, I, O */
    const float *x;                 /**< [rows][I] */
    const float *const *parameters; /**< as listed, each in its shape */
    const float *const *states;     /**< as listed, [rows][width] each: before the step */
    float *const *new_states;       /**< forward: to be written; backward: what forward wrote */
    float *y;                       /**< [rows][O]: forward writes it; NULL backward */
    float *saved;                   /**< [rows][saved]: forward leaves there what backward wants */
    /* Backward alone; NULL forward. */
    const float *dy;              /**< [rows][O]: dL/dy */
    float *dx;                    /**< [rows][I]: to be written */
    float *const *dstates;        /**< holds dL/d new_states, of later steps alone (where y is a
                                       state, add dy); to be overwritten with dL/d states */
    float *const *dparameters;    /**< to be added to; no other call uses them meanwhile */
} tkr_user_step;

/** What such a cell is. Copied when the cell is made, but for what `user` points at. */
typedef struct tkr_user_cell {
    uint64_t size;    /**< sizeof(tkr_user_cell) */
    const char *name; /**< what files call it: 1..63 of [A-Za-z0-9_-] */
    void *user;       /**< handed to the functions; must outlive the cell and its copies */
    int64_t output;   /**< O */
    int64_t saved;    /**< floats that forward leaves for each row; 0 or more */
    int64_t n_parameters, n_states;    /**< 0..32, 0..8 */
    const tkr_user_tensor *parameters; /**< drawn by TKR_INIT: of rank 1 as biases, else as weights */
    const tkr_user_tensor *states;
    int32_t (*forward)(void *user, const tkr_user_step *step);
    int32_t (*backward)(void *user, const tkr_user_step *step);
} tkr_user_cell;

/**
 * Make a cell of the caller's own. Allocates.
 * @param cell      receives the handle; NULL on failure
 * @param input     I, at least 1
 * @param functions what it is; copied
 * @param env       or NULL
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_KEY (two of one name), TKR_ERR_UNSUPPORTED (tier),
 *         TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_cell_create_user(tkr_cell **cell, int64_t input, const tkr_user_cell *functions,
                                     const tkr_env *env);

/** Name a part for its parameters, 1..63 of [A-Za-z0-9_-]; before it is chained.
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER. Since: 0.1 */
TKR_API int32_t tkr_cell_set_name(tkr_cell *cell, const char *name);

/** Set an option. @return TKR_OK, TKR_ERR_KEY (not of this kind), TKR_ERR_ARGUMENT (bounds, NaN),
 *  TKR_ERR_ORDER (shapes parameters that exist already). Since: 0.1 */
TKR_API int32_t tkr_cell_set_int(tkr_cell *cell, int32_t key, int64_t value);
TKR_API int32_t tkr_cell_set_float(tkr_cell *cell, int32_t key, double value);

/** Read an option. @return TKR_OK, TKR_ERR_KEY. Since: 0.1 */
TKR_API int32_t tkr_cell_get_int(const tkr_cell *cell, int32_t key, int64_t *value);
TKR_API int32_t tkr_cell_get_float(const tkr_cell *cell, int32_t key, double *value);

/** The closed range that an option accepts in this cell. @return TKR_OK, TKR_ERR_KEY. Since: 0.1 */
TKR_API int32_t tkr_cell_bounds_int(const tkr_cell *cell, int32_t key, int64_t *low, int64_t *high);
TKR_API int32_t tkr_cell_bounds_float(const tkr_cell *cell, int32_t key, double *low, double *high);

/** Kind, input width I, output width (D*H, D*P, O, E), as created and configured.
 *  Any output pointer may be NULL. @return TKR_OK, TKR_ERR_ARGUMENT. Since: 0.1 */
TKR_API int32_t tkr_cell_shape(const tkr_cell *cell, int32_t *kind, int64_t *input, int64_t *output);

/** The kernel tier in use, a TKR_TIER_... other than BEST; 0 for NULL. Once the parameters are laid out
 *  it is final (a part in a chain takes the chain's): where BEST was asked for and no part has more than
 *  8 units, half of AVX-512's vectors, it is AVX2, which is faster there. A tier that was asked for stays.
 *  Since: 0.1 */
TKR_API int32_t tkr_cell_tier(const tkr_cell *cell);

/** Bytes of all memory that the cell has or will have once initialised. Known before anything of
 *  it is allocated. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_MEMORY (too large). Since: 0.1 */
TKR_API int32_t tkr_cell_size(uint64_t *bytes, const tkr_cell *cell);

/**
 * Lay out the parameters, if they are not yet, and draw them. Allocates the first time.
 * @param seed  the same seed gives the same parameters, whatever the tier
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_cell_init(tkr_cell *cell, uint64_t seed);

/** A second cell with the same options and parameters. Allocates. @param env  or NULL
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_MEMORY, TKR_ERR_UNSUPPORTED (tier). Since: 0.1 */
TKR_API int32_t tkr_cell_clone(tkr_cell **copy, const tkr_cell *cell, const tkr_env *env);

/*
 * Parameters are read and written by name, in PyTorch's layout: weight_ih_l{k} [GH][I],
 * weight_hh_l{k} [GH][H], bias_ih_l{k}, bias_hh_l{k} [GH] (one bias: bias_l{k}), weight_hr_l{k}
 * [P][H], with suffix _reverse for the second direction; gate rows i,f,g,o (LSTM) and r,z,n (GRU);
 * peepholes weight_ci_l{k}, weight_cf_l{k}, weight_co_l{k} [H]; learned state h_0_l{k} [H or P],
 * c_0_l{k} [H]; linear weight [O][I], bias [O]; embedding weight [V][E]; affine and norm weight [I],
 * bias [I]; conv weight [O][I / groups][kernel], bias [O] (inside a vector, I is TKR_CHANNELS).
 * How they lie in memory is the library's own affair and differs between tiers. Files have the same
 * names, but for weight_hh, bias_hh of a GRU with TKR_RESET_BEFORE: weight_rh, bias_rh, for nn.GRU
 * would compute something else with them.
 */

/** The number of parameter tensors, and of numbers in them. Either pointer may be NULL.
 *  @return TKR_OK, TKR_ERR_ORDER (not initialised). Since: 0.1 */
TKR_API int32_t tkr_cell_parameters(const tkr_cell *cell, int64_t *tensors, int64_t *numbers);

/** Tensor `index` of that table: its name (lives as long as the cell), rank 1..4, shape.
 *  @param shape  [4], 1 behind the rank. @return TKR_OK, TKR_ERR_KEY, TKR_ERR_ORDER. Since: 0.1 */
TKR_API int32_t tkr_cell_parameter(const tkr_cell *cell, int64_t index, const char **name,
                                   int32_t *rank, int64_t *shape);

/** Copy a parameter out of, or into, the cell. `len` is its number of elements.
 *  @return TKR_OK, TKR_ERR_KEY (no such name), TKR_ERR_SHAPE (len), TKR_ERR_ORDER. Since: 0.1 */
TKR_API int32_t tkr_cell_get_parameter(const tkr_cell *cell, const char *name, float *values,
                                       int64_t len);
TKR_API int32_t tkr_cell_set_parameter(tkr_cell *cell, const char *name, const float *values,
                                       int64_t len);

/** A line of the caller's metadata, kept with the cell and in its files: key and text in UTF-8, at
 *  most 64 bytes and 1 MiB. Allocates. Text NULL removes it. Keys that begin with "tekrar." are refused.
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_MEMORY. Since: 0.1 */
TKR_API int32_t tkr_cell_set_metadata(tkr_cell *cell, const char *key, const char *text);

/** The text of that key, or NULL if there is none; lives until it is set again. Since: 0.1 */
TKR_API const char *tkr_cell_get_metadata(const tkr_cell *cell, const char *key);

/**
 * Save options, parameters and metadata as a safetensors file: the cell can be made again from the
 * file alone. The file appears whole or not at all: a temporary in the same folder, fsync, rename,
 * fsync of the folder; an older file of that name survives any failure but that of the last fsync,
 * when the whole new file is in place already. A file system that knows no fsync fails no save. The
 * new file has the older one's mode, and its owner and group where the process may give them; else
 * 0666 less the umask. Symbolic links stay: the file that they lead to is replaced or made. Anything
 * but a regular file is refused. Allocates for the time of the call. The cell is not const only
 * because a failure leaves its text in it. All files that the library writes to a path are written so.
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER (not initialised), TKR_ERR_IO, TKR_ERR_MEMORY.
 * Since: 0.1
 */
TKR_API int32_t tkr_cell_save(tkr_cell *cell, const char *path);
TKR_API int32_t tkr_cell_save_to(tkr_cell *cell, const tkr_writer *writer);

/**
 * Make a cell from a file of tkr_cell_save() or tkr_checkpoint_save(). The bytes are not trusted.
 * Allocates.
 * @param cell  receives the handle; NULL on failure
 * @param env   or NULL; a text of what was wrong goes to env->detail
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_IO, TKR_ERR_FORMAT, TKR_ERR_MISMATCH, TKR_ERR_MEMORY,
 *         TKR_ERR_UNSUPPORTED (a file of a newer format major, or of a cell of the caller's own that
 *         env->user_cells lacks). Since: 0.1
 */
TKR_API int32_t tkr_cell_load(tkr_cell **cell, const char *path, const tkr_env *env);
TKR_API int32_t tkr_cell_load_from(tkr_cell **cell, const tkr_reader *reader, const tkr_env *env);
TKR_API int32_t tkr_cell_load_memory(tkr_cell **cell, const void *bytes, uint64_t len,
                                     const tkr_env *env);

/** What was wrong with the last failed call on this cell; "" if none. Since: 0.1 */
TKR_API const char *tkr_cell_detail(const tkr_cell *cell);

/* ------------------------------------------------------------------------------------------------
 * STATES AND STREAMING: one step at a time
 *
 * A state is what is carried from step to step for B streams, with the scratch memory of a step.
 * Its tensors are "h" (Elman, GRU) or "h" and "c" (LSTM), [layers * D][B][H]; in a chain
 * "<part>.h". A step computes what the unrolled forward computes, by the same kernels in the same
 * order. It makes no system call, takes no lock and touches no heap.
 * --------------------------------------------------------------------------------------------- */

/** Bytes that tkr_state_create() will allocate. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER
 *  (cell not initialised), TKR_ERR_MEMORY (too large). Since: 0.1 */
TKR_API int32_t tkr_state_size(uint64_t *bytes, const tkr_cell *cell, int64_t batch);

/** A state for `batch` streams, at the cell's initial state. Allocates.
 *  @return as tkr_state_size(), and TKR_ERR_MEMORY. Since: 0.1 */
TKR_API int32_t tkr_state_create(tkr_state **state, const tkr_cell *cell, int64_t batch,
                                 const tkr_env *env);
TKR_API void tkr_state_destroy(tkr_state *state);

/** Back to the cell's initial state: the learned one, else zero. Since: 0.1 */
TKR_API int32_t tkr_state_reset(tkr_state *state);

/** Copy what is carried: a snapshot, and the way back to it. Same cell or one of the same tensors,
 *  same batch. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_SHAPE. Since: 0.1 */
TKR_API int32_t tkr_state_copy(tkr_state *to, const tkr_state *from);

/** The number of tensors; tensor `index`: its name and shape [3] = slots, batch, width. Since: 0.1 */
TKR_API int32_t tkr_state_tensors(const tkr_state *state, int64_t *tensors);
TKR_API int32_t tkr_state_tensor(const tkr_state *state, int64_t index, const char **name,
                                 int64_t *shape);

/** Copy a tensor of the state out or in. @return TKR_OK, TKR_ERR_KEY, TKR_ERR_SHAPE. Since: 0.1 */
TKR_API int32_t tkr_state_get(const tkr_state *state, const char *name, float *values, int64_t len);
TKR_API int32_t tkr_state_set(tkr_state *state, const char *name, const float *values, int64_t len);

/** Save to, and load from, a safetensors file; a load changes nothing unless all of it fits.
 *  @return as tkr_cell_save() and tkr_cell_load(). Since: 0.1 */
TKR_API int32_t tkr_state_save(tkr_state *state, const char *path);
TKR_API int32_t tkr_state_save_to(tkr_state *state, const tkr_writer *writer);
TKR_API int32_t tkr_state_load(tkr_state *state, const char *path);
TKR_API int32_t tkr_state_load_from(tkr_state *state, const tkr_reader *reader);

/**
 * One step of every stream: y = output for input x, and the state moves on.
 *
 * @param cell   the state's cell; not a bidirectional one
 * @param state  moved by one step
 * @param y      [B][O], or NULL if not wanted
 * @param x      [B][I]. NULL, only if y does not depend on it (TKR_OUTPUT_BEFORE): y alone is
 *               computed and the state stays
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_SHAPE (not this state's cell), TKR_ERR_UNSUPPORTED (two
 *         directions). Since: 0.1
 */
TKR_API int32_t tkr_cell_step(const tkr_cell *cell, tkr_state *state, float *y, const float *x);

/** The same with ids [B] for a cell that starts with an embedding, or in the place of one-hot
 *  vectors. -1 is an input of all zeros. @return also TKR_ERR_TOKEN. Since: 0.1 */
TKR_API int32_t tkr_cell_step_ids(const tkr_cell *cell, tkr_state *state, float *y,
                                  const int32_t *ids);

/**
 * A block of steps: the outputs and the state of as many calls of tkr_cell_step(), bit for bit, with
 * one check and one switch of the floating-point mode. No heap, lock or system call; memory is the
 * state's, whatever the number of steps.
 *
 * @param y      [steps][B][O], or NULL if not wanted. It may be x itself where O <= I; else the two
 *               must not overlap
 * @param x      [steps][B][I]
 * @param steps  at least 0
 * @return as tkr_cell_step(); TKR_ERR_ARGUMENT also for more steps than memory can hold. A step that
 *         fails (a user's cell) leaves the state as it was before the block. Since: 0.1
 */
TKR_API int32_t tkr_cell_steps(const tkr_cell *cell, tkr_state *state, float *y, const float *x,
                               int64_t steps);

/** The same with ids [steps][B]. All of them are checked before the first step. @return as
 *  tkr_cell_step_ids(). Since: 0.1 */
TKR_API int32_t tkr_cell_steps_ids(const tkr_cell *cell, tkr_state *state, float *y,
                                   const int32_t *ids, int64_t steps);

/** What was wrong with the last failed call on this state, or step with it. Since: 0.1 */
TKR_API const char *tkr_state_detail(const tkr_state *state);

/*
 * Quantized weights: a copy of a trained cell with smaller weights, for streaming; or with faster
 * functions, which goes by the same calls (TKR_APPROXIMATE). Steps with smaller weights are faster
 * where weights are many (a step of a large cell waits for its weights; with a few dozen units it
 * does not, and float32 is faster), and the cell takes about a half or a quarter of the memory: the
 * float32 weights are not kept. Quantized are the matrices of Elman, LSTM, GRU (reset after) and linear
 * parts. Biases, peepholes, embeddings, GRUs that reset before the product, convolutions, scales and
 * shifts, activations and states stay float32. docs/quantized.md has equations and bounds.
 *
 * What such a cell can do: tkr_state_..., tkr_cell_step..., tkr_cell_steps..., tkr_cell_compare(),
 * and to be asked for its options, shape, tier, size, metadata and the table of parameters' names. Every
 * other call on it is TKR_ERR_UNSUPPORTED: keep the float32 cell to train, save or clone it. Its
 * states have the tensors of the float32 cell's: tkr_state_copy() works between them, but a step
 * needs a state that was created for a cell of its own precision.
 */

/* Precisions of weights. */
#define TKR_FLOAT32 0
#define TKR_BF16 1 /**< 8 bits of precision each; x keeps 16 or more; sums in float32 */
#define TKR_INT8 2 /**< -127..127, a scale for each gate of each unit; a step rounds the vectors that
                        meet a matrix to -127..127 of their largest number; integer sums, exact.
                        At most 131072 inputs */
#define TKR_APPROXIMATE 3 /**< weights stay float32, functions do not stay exact: see below */

/*
 * TKR_APPROXIMATE: streamed steps of LSTMs and GRUs (reset after) take tanh from a rational function
 * that is wrong by up to 2e-5, the logistic function from the same by up to 1e-5, and divide twice or
 * three times where they divided three or five times. Layers with other functions, layer_norm,
 * projection or zoneout stay exact, and so do the tiers reference and generic. What it does to the
 * output, the report tells; but a gate that is shut or open is so to 1e-5, so that a memory that is to
 * hold drifts within some 100,000 steps: try as many steps as the stream runs between resets.
 */

/** What two cells are compared on: T steps of B streams from their initial states, and a loss if
 *  there are targets. Zero-fill it, set `size`, then what there is. Since: 0.1 */
typedef struct tkr_trial {
    uint64_t size;              /**< sizeof(tkr_trial) */
    int64_t steps;              /**< T, at least 1 */
    int64_t batch;              /**< B; 0 means 1 */
    const float *input;         /**< [T][B][I], or NULL: ids */
    const int32_t *ids;         /**< [T][B] as in tkr_cell_step_ids(), or NULL: input */
    const int32_t *target_ids;  /**< [T][B] in [0, O): softmax cross-entropy in nats; or NULL */
    const float *target_values; /**< [T][B][O]: the loss `loss`; or NULL */
    int32_t loss;               /**< TKR_MSE (also 0) or TKR_BINARY_CROSS_ENTROPY */
} tkr_trial;

/* What a comparison reports, by place. y are the cell's outputs, y' the other's. */
#define TKR_REPORT_MAX 0         /**< max |y' - y| */
#define TKR_REPORT_RMS 1         /**< the root of the mean of (y' - y)^2 */
#define TKR_REPORT_LOSS 2        /**< mean loss of the cell; 0 without targets */
#define TKR_REPORT_LOSS_CHANGE 3 /**< the other's minus the cell's: how much worse it is */
#define TKR_REPORT_LEN 4

/** Bytes of the cell that tkr_cell_quantize() will make, its metadata not counted: tkr_cell_size() of it.
 *  Of a copy with an env of another tier it is another. @return as tkr_cell_size(); TKR_ERR_ARGUMENT
 *  also for the precision. Since: 0.1 */
TKR_API int32_t tkr_cell_quantized_size(uint64_t *bytes, const tkr_cell *cell, int32_t precision);

/**
 * Make a cell with quantized weights, or faster functions, from a trained one, and report the error
 * that this makes. Allocates; for a report also two states of the trial's batch, for the time of the call.
 *
 * @param quantized  receives the handle; NULL on failure
 * @param report     [TKR_REPORT_LEN], or NULL together with `trial`: not measured
 * @param cell       initialised, one direction; not changed, and not needed afterwards
 * @param precision  TKR_BF16, TKR_INT8 or TKR_APPROXIMATE
 * @param trial      what to measure the error on
 * @param env        or NULL; its tier is the quantized cell's
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER (not initialised), TKR_ERR_UNSUPPORTED (two
 *         directions, quantized already, nothing in it to quantize or to approximate, too many
 *         inputs), TKR_ERR_NUMERIC (a weight, an output or a loss is not finite), TKR_ERR_TOKEN,
 *         TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_cell_quantize(tkr_cell **quantized, double *report, const tkr_cell *cell,
                                  int32_t precision, const tkr_trial *trial, const tkr_env *env);

/** Compare two cells of the same inputs and outputs: a quantized one with its original on other data,
 *  two tiers, two trainings. Allocates for the time of the call.
 *  @param report  [TKR_REPORT_LEN]
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER, TKR_ERR_SHAPE (widths), TKR_ERR_UNSUPPORTED,
 *  TKR_ERR_NUMERIC, TKR_ERR_TOKEN, TKR_ERR_MEMORY, all as above. Since: 0.1 */
TKR_API int32_t tkr_cell_compare(double *report, const tkr_cell *cell, const tkr_cell *other,
                                 const tkr_trial *trial, const tkr_env *env);

/** The precision of the cell's weights or functions, a TKR_FLOAT32...; TKR_FLOAT32 for NULL. Since: 0.1 */
TKR_API int32_t tkr_cell_precision(const tkr_cell *cell);

/* ------------------------------------------------------------------------------------------------
 * SEQUENCES: a cell unrolled over time
 *
 * A sequence holds activations, gradients and the loss of up to T steps of up to B sequences.
 * Static unrolling is its capacity; dynamic unrolling is a length for each sequence, in any order.
 * The work done is in proportion to the sum of the lengths.
 *
 *   one to one              T = 1
 *   one to many             ids -1 (or zeros) after step 0, or tkr_cell_step() fed with its output
 *   many to one             TKR_LAST; or loss weights zero except at the last valid step
 *   many to many            a loss at each step
 *   many to many, delayed   an encoder linked to a decoder: tkr_sequence_link()
 * --------------------------------------------------------------------------------------------- */

/* Modes, to be or-ed. */
#define TKR_INFERENCE 0      /**< forward and loss only; dropout and zoneout at their expectation */
#define TKR_TRAINING 1       /**< forward, loss, backward; dropout and zoneout drawn */
#define TKR_INPUT_GRADIENT 2 /**< backward also computes dL/dx */
#define TKR_RETAIN 4         /**< backward keeps the activations: it may be called again, and
                                  truncation windows may overlap. Costs a second gate buffer. */
#define TKR_STEP_NORMS 8     /**< backward also records |dL/dh_t| of every step */
#define TKR_RECOMPUTE 16     /**< backward computes the activations again, about sqrt(T) / 2 steps at
                                  a time, from states that forward left (Chen 2016, Gruslys 2016):
                                  less than a tenth of the memory for T = 1000, H = 256 and a batch of
                                  16 or more, for one more forward pass. The bits are the same but for
                                  the order in which the parameters' gradients are summed (on the
                                  generic tier with a BLAS, all gradients). Parameters must not change
                                  between forward and backward. One direction only. */

/* Options of sequences, integers. */
#define TKR_CARRY 64          /**< 1: forward starts where the last one ended (same batch); default 0 */
#define TKR_TRUNCATE_EVERY 65 /**< k1 of truncated BPTT; 0 (default) no truncation */
#define TKR_TRUNCATE_STEPS 66 /**< k2: the losses of every k1 steps go back k2 steps from the window's
                                   end (Williams & Peng 1990); less than k1 counts as k1; 0 is the
                                   default. k2 > k1 needs TKR_RETAIN. One direction only. */
#define TKR_REDUCTION 67      /**< 0 (default): mean over the loss weights; 1: sum */

/** Bytes that tkr_sequence_create() will allocate. @return as there. Since: 0.1 */
TKR_API int32_t tkr_sequence_size(uint64_t *bytes, const tkr_cell *cell, int64_t max_steps,
                                  int64_t max_batch, int32_t mode, const tkr_env *env);

/**
 * Unroll a cell over up to `max_steps` steps of up to `max_batch` sequences. Allocates. May load a
 * BLAS: see tkr_blas_text().
 * @param cell  initialised; must outlive the sequence
 * @param mode  TKR_INFERENCE, or TKR_TRAINING with others
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER (cell not initialised), TKR_ERR_MEMORY,
 *         TKR_ERR_UNSUPPORTED (a quantized cell; TKR_RECOMPUTE with two directions). Since: 0.1
 */
TKR_API int32_t tkr_sequence_create(tkr_sequence **seq, const tkr_cell *cell, int64_t max_steps,
                                    int64_t max_batch, int32_t mode, const tkr_env *env);
TKR_API void tkr_sequence_destroy(tkr_sequence *seq);

/** Set or read an option. @return TKR_OK, TKR_ERR_KEY, TKR_ERR_ARGUMENT, TKR_ERR_UNSUPPORTED.
 *  Since: 0.1 */
TKR_API int32_t tkr_sequence_set_int(tkr_sequence *seq, int32_t key, int64_t value);
TKR_API int32_t tkr_sequence_get_int(const tkr_sequence *seq, int32_t key, int64_t *value);

/** Seed what dropout and zoneout draw. The masks of a forward depend on the seed and on how many
 *  forwards were run since it was set, on nothing else. Since: 0.1 */
TKR_API int32_t tkr_sequence_set_seed(tkr_sequence *seq, uint64_t seed);

/**
 * Run the cell over a batch of sequences.
 *
 * @param input    [steps][batch][I]; what lies past a length is not read
 * @param lengths  [batch], each 0..steps, or NULL for all = steps. Outputs past a length are 0,
 *                 the final state is the one at the last valid step, a reverse direction starts there
 * @param steps    1..max_steps
 * @param batch    1..max_batch
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_SHAPE (capacity, lengths, carried batch),
 *         TKR_ERR_UNSUPPORTED (an embedding wants ids), TKR_ERR_ORDER (linked encoder not run).
 * Since: 0.1
 */
TKR_API int32_t tkr_sequence_forward(tkr_sequence *seq, const float *input, const int32_t *lengths,
                                     int64_t steps, int64_t batch);

/** The same with ids [steps][batch] in [0, I): embedding rows, or in the place of one-hot vectors
 *  (gathered, never multiplied). -1 is an input of all zeros. @return also TKR_ERR_TOKEN. Since: 0.1 */
TKR_API int32_t tkr_sequence_forward_ids(tkr_sequence *seq, const int32_t *ids,
                                         const int32_t *lengths, int64_t steps, int64_t batch);

/** Copy the outputs of the last forward.
 *  @param output  [steps][batch][O] of that forward; of a net that ends behind TKR_LAST [1][batch][O]
 *  @return TKR_OK, TKR_ERR_ORDER, TKR_ERR_SHAPE (len). Since: 0.1 */
TKR_API int32_t tkr_sequence_output(const tkr_sequence *seq, float *output, int64_t len);

/**
 * Softmax cross-entropy of the outputs as logits, in nats: L = sum w * -ln p[target] / sum w.
 * @param loss     receives L
 * @param targets  [steps][batch] in [0, O); not looked at where the weight is 0 or past a length
 * @param weights  [steps][batch], finite, >= 0; or NULL for all 1
 * @return TKR_OK, TKR_ERR_ORDER (no forward), TKR_ERR_TOKEN, TKR_ERR_ARGUMENT (weights; their sum is
 *         0), TKR_ERR_NUMERIC (the loss is not finite; there is none then), TKR_ERR_UNSUPPORTED (what
 *         a softmax gives is no logits). Since: 0.1
 */
TKR_API int32_t tkr_sequence_loss_ids(tkr_sequence *seq, double *loss, const int32_t *targets,
                                      const float *weights);

/* Kinds of tkr_sequence_loss_values(). */
#define TKR_MSE 1                  /**< sum w (y - t)^2 / (O sum w) */
#define TKR_BINARY_CROSS_ENTROPY 2 /**< on logits, targets in [0,1], nats: mean over O as well */

/** A loss against values. @param targets  [steps][batch][O]. @return as tkr_sequence_loss_ids(); a
 *  binary target outside [0,1] is TKR_ERR_ARGUMENT. Since: 0.1 */
TKR_API int32_t tkr_sequence_loss_values(tkr_sequence *seq, double *loss, int32_t kind,
                                         const float *targets, const float *weights);

/**
 * Back-propagation through time. Adds to the gradients of the parameters.
 * @param doutput  dL/doutput [steps][batch][O] of the caller's own loss; NULL: of the loss computed
 *                 last, or, without one, zero where linked decoders' backwards left what flows back.
 *                 Read up to each length only
 * @param dstate   dL/d(final state) in the form of a state, or NULL for zero; what linked decoders'
 *                 backwards left is added
 * @return TKR_OK, TKR_ERR_ORDER (no forward or no loss; activations used up; the parameters have
 *         changed since the forward), TKR_ERR_SHAPE,
 *         TKR_ERR_UNSUPPORTED (an inference sequence). Since: 0.1
 */
TKR_API int32_t tkr_sequence_backward(tkr_sequence *seq, const float *doutput,
                                      const tkr_state *dstate);

/** All gradients to zero (tkr_optimizer_step() does it too). Since: 0.1 */
TKR_API int32_t tkr_sequence_zero_gradients(tkr_sequence *seq);

/** Copy a parameter's gradient, in the parameter's layout. @return TKR_OK, TKR_ERR_KEY,
 *  TKR_ERR_SHAPE, TKR_ERR_UNSUPPORTED. Since: 0.1 */
TKR_API int32_t tkr_sequence_gradient(const tkr_sequence *seq, const char *name, float *values,
                                      int64_t len);

/** The gradients as one flat array, for an all-reduce between sequences of one cell: the order is
 *  the library's own, the same in every sequence of the cell. Lives as long as the sequence.
 *  @return TKR_OK, TKR_ERR_UNSUPPORTED. Since: 0.1 */
TKR_API int32_t tkr_sequence_gradients(tkr_sequence *seq, float **values, int64_t *len);

/** Copy dL/dinput [steps][batch][I] of the last backward; zero past a length.
 *  @return TKR_OK, TKR_ERR_ORDER, TKR_ERR_SHAPE, TKR_ERR_UNSUPPORTED (mode, ids). Since: 0.1 */
TKR_API int32_t tkr_sequence_input_gradient(const tkr_sequence *seq, float *values, int64_t len);

/** Start the next forward from this state (copied; batch as the forward's), or with NULL from the
 *  cell's initial state again. @return TKR_OK, TKR_ERR_SHAPE. Since: 0.1 */
TKR_API int32_t tkr_sequence_set_state(tkr_sequence *seq, const tkr_state *state);

/** Copy the final state of the last forward. @return TKR_OK, TKR_ERR_ORDER, TKR_ERR_SHAPE. Since: 0.1 */
TKR_API int32_t tkr_sequence_get_state(const tkr_sequence *seq, tkr_state *state);

/** Copy dL/d(initial state) of the last backward. @return as above. Since: 0.1 */
TKR_API int32_t tkr_sequence_get_state_gradient(const tkr_sequence *seq, tkr_state *gradient);

/**
 * Link a decoder to its encoder: each forward of `decoder` starts from the final state of
 * `encoder`'s last forward, and what its backward finds flows to the encoder. Several decoders may be
 * linked to one encoder: the encoder's backward starts from the sum of what their backwards left, in
 * whatever order these ran. A decoder that ran no backward, or whose forward was before the encoder's
 * last, adds nothing to it. Their states must have the same tensors. NULL as encoder undoes it; a
 * forward before a change of the link adds nothing either.
 * Destroy the decoder first, or unlink. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_SHAPE. Since: 0.1
 */
TKR_API int32_t tkr_sequence_link(tkr_sequence *decoder, tkr_sequence *encoder);

/** |dL/dh_t| (2-norm over batch and units) of the last backward, [layers * D of all parts][steps]:
 *  what vanishes and explodes. @return TKR_OK, TKR_ERR_ORDER, TKR_ERR_SHAPE, TKR_ERR_UNSUPPORTED (mode
 *  without TKR_STEP_NORMS). Since: 0.1 */
TKR_API int32_t tkr_sequence_step_norms(const tkr_sequence *seq, double *norms, int64_t len);

/** What was wrong with the last failed call on this sequence. Since: 0.1 */
TKR_API const char *tkr_sequence_detail(const tkr_sequence *seq);

/* ------------------------------------------------------------------------------------------------
 * OPTIMIZERS
 *
 * A step reads a sequence's gradients, clips them, updates the cell's parameters and sets the
 * gradients to zero. If a gradient is NaN or infinite it changes nothing and says TKR_ERR_NUMERIC.
 * --------------------------------------------------------------------------------------------- */

/* Kinds. */
#define TKR_SGD 1     /**< v = mu v + g, p -= lr v; Nesterov: p -= lr (g + mu v) */
#define TKR_ADAM 2    /**< Kingma & Ba 2015, bias-corrected; weight decay, if any, added to g */
#define TKR_ADAMW 3   /**< decoupled weight decay, Loshchilov & Hutter 2019 */
#define TKR_RMSPROP 4 /**< v = a v + (1-a) g^2, p -= lr g / (sqrt v + eps), with momentum; PyTorch's */

/* Options of optimizers, real numbers: default, bounds. */
#define TKR_LEARNING_RATE 96  /**< 0.001 (SGD .01), >= 0: the base of the schedule */
#define TKR_BETA1 97          /**< Adam: 0.9, [0,1) */
#define TKR_BETA2 98          /**< Adam: 0.999, [0,1) */
#define TKR_EPSILON 99        /**< 1e-8, > 0 */
#define TKR_WEIGHT_DECAY 100  /**< 0 (AdamW 0.01), >= 0; acts on every parameter, as PyTorch's does */
#define TKR_MOMENTUM 101      /**< SGD, RMSProp: 0, [0,1) */
#define TKR_SMOOTHING 102     /**< RMSProp's a: 0.99, [0,1) */
#define TKR_CLIP_NORM 103     /**< clip by global norm; 0 (default) off; Pascanu 2013 */
#define TKR_CLIP_VALUE 104    /**< clip each gradient to +- this; 0 (default) off; before the norm */
#define TKR_SCHEDULE_FACTOR 105 /**< step schedule: factor at each interval, 0.1, (0,1] */
#define TKR_SCHEDULE_FLOOR 106  /**< cosine: final rate as a share of the base, 0, [0,1] */
#define TKR_GRADIENT_NORM 107   /**< read only: global norm before clipping, at the last step */
#define TKR_CURRENT_RATE 108    /**< read only: the rate that the next step will use;
                                 *   TKR_ERR_ORDER before TKR_SCHEDULE_STEPS is set */

/* Options of optimizers, integers. */
#define TKR_NESTEROV 128          /**< SGD: 0 (default) or 1 */
#define TKR_SCHEDULE 129          /**< a TKR_SCHEDULE_...; default constant */
#define TKR_SCHEDULE_STEPS 130    /**< cosine: steps until the floor; step: interval; to be set
                                   *   (default 0: it is not) where there is a schedule */
#define TKR_WARMUP_STEPS 131      /**< the rate grows linearly over this many steps; 0 (default) none */
#define TKR_STEP_COUNT 132        /**< read only: steps taken */

/* Values of TKR_SCHEDULE; s = steps taken, after the warm-up of w steps. */
#define TKR_SCHEDULE_CONSTANT 0
#define TKR_SCHEDULE_STEP 1   /**< lr * factor ^ floor((s - w) / steps) */
#define TKR_SCHEDULE_COSINE 2 /**< lr * (floor + (1 - floor) (1 + cos(pi (s - w) / steps)) / 2) */

/** Bytes that tkr_optimizer_create() will allocate. @return as there. Since: 0.1 */
TKR_API int32_t tkr_optimizer_size(uint64_t *bytes, int32_t kind, const tkr_cell *cell);

/** An optimizer of this cell's parameters. Allocates. @param cell  initialised; must outlive it
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER, TKR_ERR_MEMORY. Since: 0.1 */
TKR_API int32_t tkr_optimizer_create(tkr_optimizer **opt, int32_t kind, tkr_cell *cell,
                                     const tkr_env *env);
TKR_API void tkr_optimizer_destroy(tkr_optimizer *opt);

/** Set, read, ask the bounds of an option. @return TKR_OK, TKR_ERR_KEY (not of this kind, or read
 *  only), TKR_ERR_ARGUMENT (bounds, NaN). Since: 0.1 */
TKR_API int32_t tkr_optimizer_set_float(tkr_optimizer *opt, int32_t key, double value);
TKR_API int32_t tkr_optimizer_set_int(tkr_optimizer *opt, int32_t key, int64_t value);
TKR_API int32_t tkr_optimizer_get_float(const tkr_optimizer *opt, int32_t key, double *value);
TKR_API int32_t tkr_optimizer_get_int(const tkr_optimizer *opt, int32_t key, int64_t *value);
TKR_API int32_t tkr_optimizer_bounds_float(const tkr_optimizer *opt, int32_t key, double *low,
                                           double *high);
TKR_API int32_t tkr_optimizer_bounds_int(const tkr_optimizer *opt, int32_t key, int64_t *low,
                                         int64_t *high);

/**
 * Update the parameters from `seq`'s gradients, and zero these. `seq` must be of the same cell.
 * After TKR_ERR_NUMERIC (a gradient is not finite, or its norm is over 1e18, or the update would
 * leave a parameter or a moment that is not finite) nothing was changed, the gradients neither; and
 * what the next backward adds to a NaN is NaN. A loop that passes over a bad batch zeroes them:
 *
 *     for (int64_t i = 0; i < batches; i++) {
 *         if ((status = tkr_sequence_forward(seq, x[i], NULL, T, B)) ||
 *             (status = tkr_sequence_loss_values(seq, &loss, TKR_MSE, y[i], NULL)) ||
 *             (status = tkr_sequence_backward(seq, NULL, NULL)) ||
 *             (status = tkr_optimizer_step(opt, seq))) {
 *             if (status != TKR_ERR_NUMERIC) {
 *                 return status;
 *             }
 *             tkr_sequence_zero_gradients(seq);
 *         }
 *     }
 *
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_NUMERIC, TKR_ERR_ORDER (TKR_SCHEDULE without
 *         TKR_SCHEDULE_STEPS), TKR_ERR_UNSUPPORTED (an inference sequence). Since: 0.1
 */
TKR_API int32_t tkr_optimizer_step(tkr_optimizer *opt, tkr_sequence *seq);

TKR_API const char *tkr_optimizer_detail(const tkr_optimizer *opt);

/**
 * Save a training run: the optimizer's cell, moments, step count and options, and whatever else is
 * given. A run resumed from it continues bit for bit. The file is written as by tkr_cell_save(),
 * and tkr_cell_load() can read the cell from it. Allocates for the time of the call.
 *
 * @param opt     whose cell is saved too
 * @param seq     its random state and carried state are saved; or NULL
 * @param state   one more carried state; or NULL
 * @param cursor  [4] numbers of the caller's: position in the data, epoch, sampler seed; or NULL
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_IO, TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_checkpoint_save(tkr_optimizer *opt, tkr_sequence *seq, tkr_state *state,
                                    const uint64_t *cursor, const char *path);
TKR_API int32_t tkr_checkpoint_save_to(tkr_optimizer *opt, tkr_sequence *seq, tkr_state *state,
                                       const uint64_t *cursor, const tkr_writer *writer);

/** Put a saved run into objects that were made as the saved ones were. Everything is checked before
 *  anything is changed. `seq`, `state`, `cursor` may be NULL where not wanted; asked for and not in
 *  the file is TKR_ERR_MISMATCH. @return as tkr_cell_load(). Since: 0.1 */
TKR_API int32_t tkr_checkpoint_load(tkr_optimizer *opt, tkr_sequence *seq, tkr_state *state,
                                    uint64_t *cursor, const char *path);
TKR_API int32_t tkr_checkpoint_load_from(tkr_optimizer *opt, tkr_sequence *seq, tkr_state *state,
                                         uint64_t *cursor, const tkr_reader *reader);

/* ------------------------------------------------------------------------------------------------
 * GRADIENT CHECK
 * --------------------------------------------------------------------------------------------- */

/** The caller's function: puts L(x) in *loss, x [n]. Returns 0, or a status that stops the check. */
typedef int32_t (*tkr_loss_function)(void *user, const float *x, double *loss);

/** Compare a gradient with finite differences (fourth order, central) of any function.
 *
 * @param function  called 4 n + 1 times
 * @param user      handed to it
 * @param x         [n] the point; changed during the call, restored bit for bit at its end
 * @param gradient  [n] dL/dx to be judged
 * @param n         at least 1
 * @param worst     receives max |numeric - gradient| / max(|numeric|_inf, |gradient|_inf, 1e-6);
 *                  NaN counts as infinite. A correct float gradient gives < 0.01
 * @return TKR_OK, TKR_ERR_ARGUMENT, or what `function` returned. Since: 0.1
 */
TKR_API int32_t tkr_gradient_check(tkr_loss_function function, void *user, float *x,
                                   const float *gradient, int64_t n, double *worst);

/* ------------------------------------------------------------------------------------------------
 * TEXT: vocabularies and sampling, shared by networks and n-grams
 * --------------------------------------------------------------------------------------------- */

typedef struct tkr_vocabulary tkr_vocabulary;
typedef struct tkr_sampler tkr_sampler;

#define TKR_BYTES 1      /**< ids are bytes, V = 256 */
#define TKR_CHARACTERS 2 /**< ids are the distinct UTF-8 characters of a text, by code point */
#define TKR_WORDS 3      /**< ids are the distinct words of a text, in order, behind <unk> (0); a word
                              is what stands between white space: space, tab, LF, VT, FF, CR */
#define TKR_SENTENCES 4  /**< the same, with </s> (1), which a line feed stands for */

/**
 * Make a vocabulary. Allocates.
 * @param kind  TKR_BYTES (text is ignored), TKR_CHARACTERS, TKR_WORDS, TKR_SENTENCES
 * @param text  [len] characters: valid UTF-8, at least one character; words: any bytes. The word
 *              <s> gets no id
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_FORMAT (not UTF-8; env->detail says at which byte),
 *         TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_vocabulary_create(tkr_vocabulary **vocabulary, int32_t kind, const char *text,
                                      uint64_t len, const tkr_env *env);
TKR_API void tkr_vocabulary_destroy(tkr_vocabulary *vocabulary);

/** Its number of symbols V; 0 for NULL. Since: 0.1 */
TKR_API int64_t tkr_vocabulary_len(const tkr_vocabulary *vocabulary);

#define TKR_RESERVED 320 /**< int: what <s>, </s> and <unk> are as words of a text: 0 (default) refused;
                              1 taken for words: </s> and <unk> have ids, <s> is an unknown word */

/** Set an option of a vocabulary. @return TKR_OK, TKR_ERR_KEY, TKR_ERR_ARGUMENT (bounds). Since: 0.1 */
TKR_API int32_t tkr_vocabulary_set_int(tkr_vocabulary *vocabulary, int32_t key, int64_t value);

/** Text to ids. @param ids  [capacity] or NULL to count only. @param n_ids  receives the number of ids
 *  of the whole text. @param unknown  id of characters not in the vocabulary, or -1 to refuse them
 *  @return TKR_OK, TKR_ERR_TOKEN (unknown character), TKR_ERR_FORMAT (not UTF-8; words: one is reserved,
 *  see TKR_RESERVED), TKR_ERR_SHAPE (capacity). Since: 0.1 */
TKR_API int32_t tkr_vocabulary_encode(const tkr_vocabulary *vocabulary, int32_t *ids,
                                      int64_t capacity, int64_t *n_ids, const char *text,
                                      uint64_t len, int32_t unknown);

/** The UTF-8 text of one id, not NUL-terminated: 1..4 bytes.
 *  @param text  [4]. @param len  receives the number of bytes. @return TKR_OK, TKR_ERR_TOKEN,
 *  TKR_ERR_UNSUPPORTED (words: tkr_vocabulary_spell()). Since: 0.1 */
TKR_API int32_t tkr_vocabulary_decode(const tkr_vocabulary *vocabulary, int32_t id, char *text,
                                      uint64_t *len);

/** The text of one id of any vocabulary, not NUL-terminated. @param text  [capacity], as much of it as
 *  fits; or NULL if capacity is 0. @param len  receives the whole number of bytes
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_TOKEN. Since: 0.1 */
TKR_API int32_t tkr_vocabulary_spell(const tkr_vocabulary *vocabulary, int32_t id, char *text,
                                     uint64_t capacity, uint64_t *len);

/** The id of one symbol's text: of a character, of a word, of "<unk>" or "</s>". @param text  [len]
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_TOKEN (none has it). Since: 0.1 */
TKR_API int32_t tkr_vocabulary_find(const tkr_vocabulary *vocabulary, int32_t *id, const char *text,
                                    uint64_t len);

/* Options of samplers. */
#define TKR_TEMPERATURE 160 /**< float: 1; 0 is greedy; >= 0 */
#define TKR_TOP_P 161       /**< float: keep the likeliest symbols up to this mass; 1 (default) off; (0,1] */
#define TKR_TOP_K 192       /**< int: keep the k likeliest; 0 (default) off */

/** A sampler of up to `capacity` symbols. Allocates. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_MEMORY.
 *  Since: 0.1 */
TKR_API int32_t tkr_sampler_create(tkr_sampler **sampler, int64_t capacity, uint64_t seed,
                                   const tkr_env *env);
TKR_API void tkr_sampler_destroy(tkr_sampler *sampler);
TKR_API int32_t tkr_sampler_set_float(tkr_sampler *sampler, int32_t key, double value);
TKR_API int32_t tkr_sampler_set_int(tkr_sampler *sampler, int32_t key, int64_t value);

/** Draw an id from scores: logits or log-probabilities in nats, up to a constant; -inf is never
 *  drawn. Order: temperature, top-k, top-p. Ties keep the lower id.
 *  @param scores  [n], n <= capacity. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_SHAPE, TKR_ERR_NUMERIC
 *  (NaN, +inf, or all -inf). Since: 0.1 */
TKR_API int32_t tkr_sampler_draw(tkr_sampler *sampler, int32_t *id, const float *scores, int64_t n);

/** The random state [4], to save and to put back: a sampler continues bit for bit. Since: 0.1 */
TKR_API int32_t tkr_sampler_get_random(const tkr_sampler *sampler, uint64_t *random);
TKR_API int32_t tkr_sampler_set_random(tkr_sampler *sampler, const uint64_t *random);

TKR_API const char *tkr_sampler_detail(const tkr_sampler *sampler);

/* ------------------------------------------------------------------------------------------------
 * N-GRAMS: the Markov rival
 *
 * A model of the next id given the `order` - 1 ids before it: count, then estimate, then ask. What
 * was counted stays, so that one counter can be estimated by one smoothing after the other. The
 * definitions of the smoothings are in docs/ngram.md.
 *
 * Ids are those of any vocabulary: bytes, characters, words. Beside them there is one mark of a
 * beginning, <s>, which is context only: it has no probability and is not one of the V ids. The end
 * of a sentence, where it matters, is an ordinary id of the caller's choice.
 * --------------------------------------------------------------------------------------------- */

typedef struct tkr_ngram tkr_ngram;

/* Smoothings of tkr_ngram_estimate(). */
#define TKR_MAXIMUM_LIKELIHOOD 1 /**< count(context, id) / count(context): 0 for what was not seen */
#define TKR_ADD_K 2              /**< (count + k) / (count(context) + k V), k = TKR_ADDEND */
#define TKR_WITTEN_BELL 3        /**< interpolated                       Witten & Bell 1991, method C */
#define TKR_KATZ 4               /**< Good-Turing discounts of counts up to 5, backing off  Katz 1987 */
#define TKR_ABSOLUTE_DISCOUNT 5  /**< interpolated, a discount for each order  Ney & others 1994 */
#define TKR_KNESER_NEY 6         /**< interpolated, adjusted counts           Kneser & Ney 1995 */
#define TKR_MODIFIED_KNESER_NEY 7 /**< the same with three discounts       Chen & Goodman 1998 */

/* What precedes a text, in the place of an id that is repeated order - 1 times. */
#define TKR_NOTHING (-1)  /**< nothing: its first ids are counted after shorter contexts only */
#define TKR_BEGIN (-2)    /**< one mark of a beginning */
#define TKR_CONTINUE (-3) /**< the text that was counted last, which goes on */

/* Options of n-grams. They are read by the next tkr_ngram_estimate(). */
#define TKR_ADDEND 224   /**< float: k of add-k; 0.01; > 0 */
#define TKR_FALLBACK 256 /**< int: 1 lets an order that is too small or too regular for discounts of its
                              own take 0.5, 1, 1.5 (one discount: 0.5); 0 (default) is an error */
#define TKR_PRUNE 256    /**< int, TKR_PRUNE + n for n = 2..16: n-grams of n ids that were seen at most
                              so often are dropped, unless a longer one that stays begins or ends
                              with them; their mass goes to the lower order; 0 (default) none */
#define TKR_WARNINGS 288 /**< int, read only: what the load that made it wondered about, a sum of: */
#define TKR_WARNING_NO_UNKNOWN 1    /**< an ARPA file lacks <unk>: it was given log10 p = -100 */
#define TKR_WARNING_TEXT_BEFORE 2   /**< it has text before \data\, which was passed over */
#define TKR_WARNING_TEXT_BEHIND 4   /**< it has text behind \end\, which was passed over */
#define TKR_WARNING_BYTE_ORDER 8    /**< it begins with a byte order mark, which was passed over */
#define TKR_WARNING_INNER_BEGIN 16  /**< n-grams with <s> behind their first word, which nothing can
                                         ask for, were passed over */
#define TKR_WARNING_LAST_BACKOFF 32 /**< back-off weights of 0 at the highest order were passed over */
#define TKR_WARNING_ZERO 64         /**< a log10 of -inf, -99 (SRILM's zero) or -99.999 (CMU's) was read
                                         as the probability, or the back-off weight, 0 */
#define TKR_WARNING_UNKNOWN 128     /**< <UNK> was read as <unk> */
#define TKR_WARNING_SPACES 256      /**< spaces around the = of a number of n-grams */

/**
 * An upper bound of the memory that counting `n` ids and one estimation take at their peak, whatever the
 * ids are: near to it where no n-gram comes twice, far above it in texts, see tkr_ngram_forecast().
 * @param bytes    receives it
 * @param n        ids in all, plus `order` for each text
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_MEMORY (too large). Since: 0.1
 */
TKR_API int32_t tkr_ngram_size(uint64_t *bytes, int32_t order, int64_t symbols, int64_t n);

/**
 * Make an empty n-gram counter. Allocates, as every call that counts or estimates does.
 * @param order    1..16: context of order - 1 ids. (Where the context's length is called the order,
 *                 an "order 4" is 5 here.)
 * @param symbols  V >= 1, below 2^31 - 1: ids are in [0, V)
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_ngram_create(tkr_ngram **ngram, int32_t order, int64_t symbols,
                                 const tkr_env *env);
TKR_API void tkr_ngram_destroy(tkr_ngram *ngram);

/** Set, read, ask the bounds of an option. @return TKR_OK, TKR_ERR_KEY, TKR_ERR_ARGUMENT (bounds,
 *  NaN). Since: 0.1 */
TKR_API int32_t tkr_ngram_set_int(tkr_ngram *ngram, int32_t key, int64_t value);
TKR_API int32_t tkr_ngram_set_float(tkr_ngram *ngram, int32_t key, double value);
TKR_API int32_t tkr_ngram_get_int(const tkr_ngram *ngram, int32_t key, int64_t *value);
TKR_API int32_t tkr_ngram_get_float(const tkr_ngram *ngram, int32_t key, double *value);
TKR_API int32_t tkr_ngram_bounds_int(const tkr_ngram *ngram, int32_t key, int64_t *low,
                                     int64_t *high);
TKR_API int32_t tkr_ngram_bounds_float(const tkr_ngram *ngram, int32_t key, double *low,
                                       double *high);

/**
 * Count one text: every n-gram of 1..order ids that ends in it. A text may come in any number of
 * pieces, the first with its pad, the others with TKR_CONTINUE: the counts are the same.
 * @param ids  [n], or NULL if n is 0
 * @param pad  what its first ids follow: order - 1 times this id (say a "~"), or TKR_NOTHING,
 *             TKR_BEGIN, TKR_CONTINUE
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_TOKEN, TKR_ERR_ORDER (estimated already, or loaded),
 *         TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_ngram_count(tkr_ngram *ngram, const int32_t *ids, int64_t n, int32_t pad);

/**
 * Count sentences: each follows one mark of a beginning and ends behind the id `end`, which is
 * counted, or with the ids.
 * @param ids  [n], or NULL if n is 0
 * @param end  the id that ends a sentence: of a line feed, of </s>
 * @return as tkr_ngram_count(). Since: 0.1
 */
TKR_API int32_t tkr_ngram_count_sentences(tkr_ngram *ngram, const int32_t *ids, int64_t n,
                                          int32_t end);

/**
 * Count a text of any length as it comes out of a reader: memory grows with its n-grams alone.
 * @param reader      all of it is read
 * @param vocabulary  of at most V symbols; NULL: bytes
 * @param pad         what the text follows, as in tkr_ngram_count()
 * @param end         -1, or an id behind which a new sentence begins, with its mark
 * @param unknown     the id of what has none, or -1 to refuse it
 * @return as tkr_ngram_count(), and TKR_ERR_SHAPE (V), TKR_ERR_FORMAT (not UTF-8, or a reserved word:
 *         TKR_RESERVED), TKR_ERR_IO. Nothing is counted unless all is. Since: 0.1
 */
TKR_API int32_t tkr_ngram_count_from(tkr_ngram *ngram, const tkr_reader *reader,
                                     const tkr_vocabulary *vocabulary, int32_t pad, int32_t end,
                                     int32_t unknown);

/** Add what `from` counted, of the same order and V: so threads and processes count parts.
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_SHAPE (order, V), TKR_ERR_ORDER (`ngram` is estimated, or
 *  one of them has no counts), TKR_ERR_MEMORY. Since: 0.1 */
TKR_API int32_t tkr_ngram_merge(tkr_ngram *ngram, const tkr_ngram *from);

/** How often an n-gram was counted. Allocates, to sort what is new. @param ids  [n] the first of
 *  which may be TKR_BEGIN. @param n  1..order. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_TOKEN,
 *  TKR_ERR_ORDER (loaded), TKR_ERR_MEMORY. Since: 0.1 */
TKR_API int32_t tkr_ngram_get_count(tkr_ngram *ngram, uint64_t *count, const int32_t *ids,
                                    int64_t n);

/**
 * What tkr_ngram_size() tells, for a text like what was counted so far: a tenth of it, say. New n-grams
 * are taken to come as often as they did at the end of the sample; they come more seldom. Allocates, to
 * sort what is new; that memory is the n-gram's, and in `bytes`.
 * @param bytes  receives it: at most what tkr_ngram_size() says
 * @param n      ids in all, with those that were counted, plus `order` for each text
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER (loaded, or nothing counted), TKR_ERR_MEMORY (also: too
 *         large). Since: 0.1
 */
TKR_API int32_t tkr_ngram_forecast(tkr_ngram *ngram, uint64_t *bytes, int64_t n);

/**
 * Turn counts into probabilities, in the place of earlier ones. States that were carried are void.
 * @param smoothing  TKR_MAXIMUM_LIKELIHOOD .. TKR_MODIFIED_KNESER_NEY
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER (nothing counted), TKR_ERR_NUMERIC (an order has no
 *         discounts of its own, see TKR_FALLBACK), TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_ngram_estimate(tkr_ngram *ngram, int32_t smoothing);

/** ln p(id | context), -inf for probability 0. @param context  [n] the ids before, oldest first; only
 *  the last order - 1 count; TKR_BEGIN may be among them. @return TKR_OK, TKR_ERR_ARGUMENT,
 *  TKR_ERR_TOKEN, TKR_ERR_ORDER (not estimated). Since: 0.1 */
TKR_API int32_t tkr_ngram_logprob(const tkr_ngram *ngram, double *logprob, const int32_t *context,
                                  int64_t n, int32_t id);

/** ln p of every id after a context. @param logprobs  [V]; all -inf after an unseen context under
 *  maximum likelihood. @return as tkr_ngram_logprob(). Since: 0.1 */
TKR_API int32_t tkr_ngram_distribution(const tkr_ngram *ngram, float *logprobs,
                                       const int32_t *context, int64_t n);

/** What is carried from id to id: plain memory, copied by assignment, owned by the caller. It is of use
 *  only with the model that wrote it, or with a copy of it that tkr_ngram_compact() or a file made. */
typedef struct tkr_ngram_state {
    uint64_t place[2];
} tkr_ngram_state;

/** Set a state behind a context; n = 0: behind nothing. @return as tkr_ngram_logprob(). Since: 0.1 */
TKR_API int32_t tkr_ngram_start(const tkr_ngram *ngram, tkr_ngram_state *state,
                                const int32_t *context, int64_t n);

/** ln p(id | state), and the state moves behind `id`. @param logprob  or NULL if not wanted
 *  @return as tkr_ngram_logprob(); TKR_ERR_ARGUMENT also for a state of another model. Since: 0.1 */
TKR_API int32_t tkr_ngram_step(const tkr_ngram *ngram, tkr_ngram_state *state, double *logprob,
                               int32_t id);

/** Of how many ids, 1 to the order, the n-gram is that ln p(id | state) comes from: the longest one of
 *  the model that the history and `id` end with, `id` included. The state stays.
 *  @return as tkr_ngram_step(). Since: 0.1 */
TKR_API int32_t tkr_ngram_match(const tkr_ngram *ngram, const tkr_ngram_state *state, int32_t *len,
                                int32_t id);

/** ln p of every id after a state, which stays. @param logprobs  [V]. @return as tkr_ngram_step().
 *  Since: 0.1 */
TKR_API int32_t tkr_ngram_next(const tkr_ngram *ngram, const tkr_ngram_state *state,
                               float *logprobs);

/** ln p of each id of a text given those before it. @param state  moves behind the text.
 *  @param logprobs  [n]. @param ids  [n]. @return as tkr_ngram_step(). Since: 0.1 */
TKR_API int32_t tkr_ngram_logprobs(const tkr_ngram *ngram, tkr_ngram_state *state, double *logprobs,
                                   const int32_t *ids, int64_t n);

/** Totals of scored texts. Zero-fill it and set `size`; each call adds to it. Since: 0.1 */
typedef struct tkr_score {
    uint64_t size;       /**< sizeof(tkr_score) */
    int64_t symbols;     /**< ids that were scored */
    int64_t unknown;     /**< of these: the unknown id */
    int64_t impossible;  /**< of these: probability 0; they are in no sum */
    int64_t impossible_unknown; /**< of these: both */
    double nats;         /**< sum of -ln p */
    double unknown_nats; /**< the unknown id's share of it */
    /** Of all ids; infinite if one was impossible, NaN if there were none. */
    double nats_per_symbol, bits_per_symbol, perplexity;
    /** The same without the unknown id. */
    double known_nats_per_symbol, known_bits_per_symbol, known_perplexity;
} tkr_score;

/** Score a text. @param state  moves behind the text. @param ids  [n]. @param unknown  the id of
 *  unknown words, or -1. @return as tkr_ngram_step(). Since: 0.1 */
TKR_API int32_t tkr_ngram_score(const tkr_ngram *ngram, tkr_ngram_state *state, tkr_score *score,
                                const int32_t *ids, int64_t n, int32_t unknown);

/** Score a stream of ln p [n] that some other model gave. @param unknown  [n] 1 where the id was the
 *  unknown one; or NULL. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_NUMERIC (NaN, or ln p > 0).
 *  Since: 0.1 */
TKR_API int32_t tkr_score_logprobs(tkr_score *score, const double *logprobs, const uint8_t *unknown,
                                   int64_t n);

/** A copy that cannot count or be estimated any more, with probabilities in 4 bytes: it is what to ask
 *  at length, to save and to map. Allocates. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER (not
 *  estimated), TKR_ERR_MEMORY. Since: 0.1 */
TKR_API int32_t tkr_ngram_compact(tkr_ngram **compact, const tkr_ngram *ngram, const tkr_env *env);

/**
 * Save the model, or, of an n-gram that is not estimated, the counts. The bytes are the same on
 * every machine. docs/ngram.md has the format. The file appears whole or not at all, as a cell's
 * does. Allocates for the time of the call.
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_IO, TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_ngram_save(tkr_ngram *ngram, const char *path);
TKR_API int32_t tkr_ngram_save_to(tkr_ngram *ngram, const tkr_writer *writer);

/**
 * Make an n-gram from a file of tkr_ngram_save(). The bytes are not trusted: a model is checked so
 * far that no question can lead out of it, and by a sum over all bytes. Allocates.
 * @param ngram  receives the handle; NULL on failure
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_IO, TKR_ERR_FORMAT, TKR_ERR_MEMORY, TKR_ERR_UNSUPPORTED
 *         (a file of a newer format). Since: 0.1
 */
TKR_API int32_t tkr_ngram_load(tkr_ngram **ngram, const char *path, const tkr_env *env);
TKR_API int32_t tkr_ngram_load_from(tkr_ngram **ngram, const tkr_reader *reader,
                                    const tkr_env *env);

/** The same without reading the model into memory: it is mapped, checked in place, and shared by all
 *  processes that map it. The file must not change before the n-gram is destroyed; to replace it,
 *  save, which renames. @return also TKR_ERR_UNSUPPORTED (counts, or no mmap here). Since: 0.1 */
TKR_API int32_t tkr_ngram_map(tkr_ngram **ngram, const char *path, const tkr_env *env);

/** Let the n-gram keep a copy of the texts of its ids: they go with its files and its copies. NULL
 *  removes them. Allocates. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_SHAPE (the vocabulary has not V
 *  symbols), TKR_ERR_MEMORY. Since: 0.1 */
TKR_API int32_t tkr_ngram_set_vocabulary(tkr_ngram *ngram, const tkr_vocabulary *vocabulary);

/** Make a vocabulary from that copy, or from the words of an ARPA file; if all words of the file are
 *  single characters in order, of characters. Allocates. @param vocabulary  receives the handle; NULL
 *  on failure. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_KEY (there is none), TKR_ERR_MEMORY.
 *  Since: 0.1 */
TKR_API int32_t tkr_ngram_get_vocabulary(tkr_vocabulary **vocabulary, const tkr_ngram *ngram,
                                         const tkr_env *env);

/**
 * Write the model in the ARPA format: text, one n-gram a line, that other n-gram tools read. Names
 * are those of tkr_ngram_set_vocabulary(), else the ids in decimal; what would separate words or
 * hide is written as <0x20>. The file appears whole or not at all. Allocates for the time of the
 * call.
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER (not estimated), TKR_ERR_UNSUPPORTED (maximum
 *         likelihood and add-k do not back off), TKR_ERR_IO, TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_ngram_save_arpa(tkr_ngram *ngram, const char *path);
TKR_API int32_t tkr_ngram_save_arpa_to(tkr_ngram *ngram, const tkr_writer *writer);

/**
 * Make an n-gram from an ARPA file; the bytes are not trusted. Its ids are the words in the order of
 * the file, without <s>, which is the mark of a beginning; tkr_ngram_get_vocabulary() has their names.
 * Words may be separated by tabs or spaces; a missing back-off weight is 0, it may be positive; a
 * probability may not. N-grams that a longer one begins or ends with may be missing. What is unusual
 * and can do no harm is read, and told by TKR_WARNINGS. Compressed files and other tools' binary
 * forms are refused; the text says which one it is. Allocates.
 * @param ngram  receives the handle; NULL on failure
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_IO, TKR_ERR_FORMAT (env->detail names the line),
 *         TKR_ERR_MEMORY. Since: 0.1
 */
TKR_API int32_t tkr_ngram_load_arpa(tkr_ngram **ngram, const char *path, const tkr_env *env);
TKR_API int32_t tkr_ngram_load_arpa_from(tkr_ngram **ngram, const tkr_reader *reader,
                                         const tkr_env *env);

/** Order, V and whether the probabilities have 4 or 8 bytes (0: not estimated). Each pointer may be
 *  NULL. @return TKR_OK, TKR_ERR_ARGUMENT. Since: 0.1 */
TKR_API int32_t tkr_ngram_shape(const tkr_ngram *ngram, int32_t *order, int64_t *symbols,
                                int32_t *precision);

/** N-grams of `n` ids in the model, and the bytes of the whole model. Either pointer may be NULL.
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER (not estimated). Since: 0.1 */
TKR_API int32_t tkr_ngram_len(const tkr_ngram *ngram, int32_t n, int64_t *ngrams, uint64_t *bytes);

/** How many distinct contexts of full length, and (context, id) pairs, the model has.
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_ORDER (not estimated). Since: 0.1 */
TKR_API int32_t tkr_ngram_structure(const tkr_ngram *ngram, int64_t *contexts, int64_t *pairs);

/** What was wrong with the last failed call on this n-gram; "" if none. Since: 0.1 */
TKR_API const char *tkr_ngram_detail(const tkr_ngram *ngram);

/* ------------------------------------------------------------------------------------------------
 * MIXING: two models of the same ids, one probability
 *
 * p = w first + (1 - w) second. A model enters as a stream of ln p, one for each id of a text, or as
 * a distribution, one for each symbol: of an n-gram, of a network's logits, of a cache, of another
 * mixture. The weight is found on text that neither model was trained on.
 * --------------------------------------------------------------------------------------------- */

/**
 * Find the weight of `first` that makes the mixture of two streams likeliest: the one that a round of
 * expectation-maximisation (Dempster & others 1977) leaves alone, to 1e-10. Ids that both call
 * impossible are passed over.
 * @param weight  receives it, 0..1
 * @param first   [n] ln p of each id of a text; -inf is allowed
 * @param second  [n] the same of the other model
 * @param n       at least 1
 * @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_NUMERIC (NaN or +inf). Since: 0.1
 */
TKR_API int32_t tkr_mix_fit(double *weight, const double *first, const double *second, int64_t n);

/** Mix two streams. @param mixed  [n], may be one of the others. @param weight  of `first`, 0..1
 *  @return as tkr_mix_fit(). Since: 0.1 */
TKR_API int32_t tkr_mix_logprobs(double *mixed, const double *first, const double *second, int64_t n,
                                 double weight);

/** Mix two distributions [symbols], to sample from. @return as tkr_mix_logprobs(). Since: 0.1 */
TKR_API int32_t tkr_mix_distribution(float *mixed, const float *first, const float *second,
                                     int64_t symbols, double weight);

/** A network's stream: ln softmax(logits)[id] for each id. Sums are double. @param logprobs  [n]
 *  @param logits  [n][symbols], of tkr_sequence_output() or tkr_cell_step(). @param ids  [n]
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_TOKEN, TKR_ERR_NUMERIC (NaN, +inf, all -inf). Since: 0.1 */
TKR_API int32_t tkr_logits_logprobs(double *logprobs, const float *logits, const int32_t *ids,
                                    int64_t n, int64_t symbols);

/** A network's distribution: ln softmax(logits). @param logprobs  [symbols], may be `logits`
 *  @return as tkr_logits_logprobs(). Since: 0.1 */
TKR_API int32_t tkr_logits_distribution(float *logprobs, const float *logits, int64_t symbols);

/* The unigram cache (Kuhn & De Mori 1990): p(id) is its share among the last `window` ids, and 1 / V
 * while there are none. Alone it is no model; mixed with a little weight it learns a text's words. */
typedef struct tkr_cache tkr_cache;

/** Bytes that tkr_cache_create() will allocate. @return as there. Since: 0.1 */
TKR_API int32_t tkr_cache_size(uint64_t *bytes, int64_t symbols, int64_t window);

/** An empty cache. Allocates. @param symbols  V >= 1. @param window  at least 1
 *  @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_MEMORY. Since: 0.1 */
TKR_API int32_t tkr_cache_create(tkr_cache **cache, int64_t symbols, int64_t window,
                                 const tkr_env *env);
TKR_API void tkr_cache_destroy(tkr_cache *cache);

/** Forget everything. @return TKR_OK, TKR_ERR_ARGUMENT. Since: 0.1 */
TKR_API int32_t tkr_cache_reset(tkr_cache *cache);

/** ln p of each id, given those before it, and remember it. @param logprobs  [n], or NULL if not
 *  wanted. @param ids  [n]. @return TKR_OK, TKR_ERR_ARGUMENT, TKR_ERR_TOKEN. Since: 0.1 */
TKR_API int32_t tkr_cache_logprobs(tkr_cache *cache, double *logprobs, const int32_t *ids,
                                   int64_t n);

/** ln p of every id now. @param logprobs  [V]. @return TKR_OK, TKR_ERR_ARGUMENT. Since: 0.1 */
TKR_API int32_t tkr_cache_distribution(const tkr_cache *cache, float *logprobs);

/** What was wrong with the last failed call on this cache; "" if none. Since: 0.1 */
TKR_API const char *tkr_cache_detail(const tkr_cache *cache);

#ifdef __cplusplus
}
#endif

#endif
