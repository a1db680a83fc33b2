/* The measurements line by line, for a script that gives other engines their turns in between. */
#ifndef TEST_SERVE_H
#define TEST_SERVE_H

#include "core/kernels/kernels.h"

/* Reads commands from standard input until it ends, and answers each with one line of JSON, an
 * object that has "error" where it failed. A folder holds the parts of a multipart request, a file
 * each: request, inputs.0, weights.0 and so on; inputs and weights are NumPy files. Before the
 * first command it says {"version"}.
 *
 *   plan FOLDER     what POST /plan answers to its `request`
 *   load FOLDER     plans all of it, runs it once, leaves the output in FOLDER/output as floats
 *   turn SECONDS    warms up for a tenth of that, then runs what was loaded again and again:
 *                   {"seconds": [each run], "multiply_adds", "tile", "stores": roofs of this turn}
 *
 * Returns the exit status. */
int serve(const struct up_kernels *kernels, unsigned threads);

#endif
