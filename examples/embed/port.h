/* SPDX-License-Identifier: MIT */
/* port.h - starts the machine: 0, or -1 with errno if the host refuses. */
#ifndef EMBED_PORT_H
#define EMBED_PORT_H

int machine_start(void);

#endif
