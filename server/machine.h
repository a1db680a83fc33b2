/* What the machine, or the container that the process runs in, has to give. */
#ifndef SRV_MACHINE_H
#define SRV_MACHINE_H

#include <stddef.h>

/* Cores that the process may use, at least 1: a container's CPU quota counts. */
unsigned srv_machine_cores(void);

/* Bytes of memory that the process may use: the smaller of the machine's and the container's. */
size_t srv_machine_memory(void);

/* Bytes of memory that the process occupies now; 0 when nobody knows. */
size_t srv_machine_resident(void);

/* Makes the C library give large blocks back to the system when they are freed. Call it before the
 * first thread. */
void srv_machine_memory_tune(void);

/* Gives back what small blocks have left behind; takes milliseconds. Any thread. */
void srv_machine_memory_trim(void);

/* Raises the number of files the process may open as far as it may; returns it. */
size_t srv_machine_files(void);

#endif
