/* SPDX-License-Identifier: MIT
 * A step of a scan, for its two directions in time. */
#ifndef TKRI_LAYER_RECUR_SCAN_H
#define TKRI_LAYER_RECUR_SCAN_H

#include "layer/recur.h"
#include "layer/states.h"

/* The arguments of step t of a scan. */
tkri_recur tkri_recur_at(const tkri_scan *scan, int64_t t);

#endif
