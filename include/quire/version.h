/* SPDX-License-Identifier: MIT */
/* version.h - the one place that names the version. */
#ifndef QUIRE_VERSION_H
#define QUIRE_VERSION_H

#define QUIRE_VERSION "0.1.0"

#endif
