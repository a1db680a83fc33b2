/* Descriptor rows as JSON: for the catalogue and for JSON Schema (2020-12). */
#ifndef API_SCHEMA_H
#define API_SCHEMA_H

#include "api/codec/buffer.h"
#include "core/layers/layer.h"
#include "core/param.h"

/* [{"name", "type", "default"?, "required"?, "min"?, "max"?, "choices"?, "meaning"}, ...] */
void api_write_params(struct api_buffer *out, const struct up_param *rows);

/* {"type": "object", "properties": {...}, "required": [...]}; members that rows do not name are
 * refused unless `open`. `spatial` is the length of a list of integers. */
void api_write_params_schema(struct api_buffer *out, const struct up_param *rows, uint32_t spatial,
                             bool open);

/* The schema of a layer object in Keras' own form. */
void api_write_layer_schema(struct api_buffer *out, const struct up_layer_ops *layer);

#endif
