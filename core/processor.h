/* Where the calling thread runs. */
#ifndef UP_PROCESSOR_H
#define UP_PROCESSOR_H

/* The number of the processor that runs the caller at this moment; -1 where nobody says. */
int up_processor(void);

/* Moves the calling thread to another processor that it may use, if there is one. Nothing keeps it
 * from coming back later. */
void up_processor_leave(int processor);

#endif
