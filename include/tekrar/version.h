/* SPDX-License-Identifier: MIT
 * The one place that says which version this is; meson.build reads the numbers from here. */
#ifndef TEKRAR_VERSION_H
#define TEKRAR_VERSION_H

#define TKR_VERSION_MAJOR 0
#define TKR_VERSION_MINOR 1
#define TKR_VERSION_PATCH 0

/** The ABI major: the soversion. It grows only when an old binary would no longer run. */
#define TKR_ABI_MAJOR 0

#endif
