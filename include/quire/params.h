/* SPDX-License-Identifier: MIT */
/*
 * params.h - the words of a kernel's command line.
 */
#ifndef QUIRE_PARAMS_H
#define QUIRE_PARAMS_H

#include <quire/types.h>

/*
 * next_param - cut the next word off a command line.
 *
 * Words are separated by blanks; "..." keeps blanks together and the quotes
 * go.  The word is copied to buf (size > 0), cut off if it is too long, and
 * ended at its first '='; *value is what follows, NULL if there is no '='.
 * *line moves behind the word.  Context: any.  Result: false at the end.
 *
 * Source: Linux's Documentation/admin-guide/kernel-parameters.rst.
 */
bool next_param(const char **line, char *buf, size_t size, char **value);

/*
 * Does the parameter have this name?  '-' and '_' are the same, as in Linux.
 */
bool param_is(const char *name, const char *wanted);

#endif
