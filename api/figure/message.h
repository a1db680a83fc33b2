/* A sentence as a picture, for pages that show whatever comes as one. */
#ifndef API_FIGURE_MESSAGE_H
#define API_FIGURE_MESSAGE_H

#include "api/codec/png.h"

/* A heading, cut where it is too long, and a text in as many lines as it takes, up to
 * API_MESSAGE_LINES: black on white, in the arena. UTF-8. */
enum { API_MESSAGE_WIDTH = 480, API_MESSAGE_LINES = 12 };
enum up_code api_message_draw(const char *heading, const char *text, struct up_arena *arena,
                              struct api_picture *ret, struct up_error *err) UP_CHECKED;

#endif
