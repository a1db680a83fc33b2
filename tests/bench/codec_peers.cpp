// Text by simdjson, yyjson and the C++ library, for bench_codec: a shared object.
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "simdjson.h"
#include "yyjson.h"

extern "C" {
#include "tests/bench/codec_ways.h"
}

namespace
{

constexpr std::size_t number_bytes = 32;

struct opened {
    const codec_subject *subject;
    simdjson::padded_string padded;
    simdjson::dom::parser dom;
    simdjson::ondemand::parser on_demand;
    yyjson_mut_doc *document = nullptr;
    std::vector<float> values;
    std::vector<char> text;
    char *written = nullptr;

    explicit opened(const codec_subject *s)
        : subject(s), padded(s->text, s->text_bytes), values(s->rows * s->columns),
          text(s->rows * s->columns * number_bytes)
    {
    }

    codec_bytes floats() const
    {
        return {values.data(), values.size() * sizeof(float)};
    }
};

void *open(const codec_subject *s)
{
    return new opened(s);
}

// --- Reading ------------------------------------------------------------------------------------

codec_bytes dom_parse(void *self)
{
    auto *o = static_cast<opened *>(self);
    simdjson::dom::element root = o->dom.parse(o->padded);
    return {nullptr, root.is_array() ? 0u : 1u};
}

codec_bytes dom_read(void *self)
{
    auto *o = static_cast<opened *>(self);
    float *to = o->values.data();
    simdjson::dom::array root = o->dom.parse(o->padded);
    for (simdjson::dom::array row : root)
        for (simdjson::dom::element number : row)
            *to++ = static_cast<float>(double(number));
    return o->floats();
}

codec_bytes on_demand_read(void *self)
{
    auto *o = static_cast<opened *>(self);
    float *to = o->values.data();
    simdjson::ondemand::document document = o->on_demand.iterate(o->padded);
    for (simdjson::ondemand::array row : document.get_array())
        for (auto number : row)
            *to++ = static_cast<float>(double(number.get_double()));
    return o->floats();
}

codec_bytes yyjson_parse(void *self)
{
    auto *o = static_cast<opened *>(self);
    yyjson_doc_free(yyjson_read(o->subject->text, o->subject->text_bytes, 0));
    return {nullptr, 0};
}

codec_bytes yyjson_floats(void *self)
{
    auto *o = static_cast<opened *>(self);
    float *to = o->values.data();
    yyjson_doc *document = yyjson_read(o->subject->text, o->subject->text_bytes, 0);
    std::size_t y, x, rows, columns;
    yyjson_val *row, *number;
    yyjson_arr_foreach(yyjson_doc_get_root(document), y, rows, row)
        yyjson_arr_foreach(row, x, columns, number) *to++ =
            static_cast<float>(yyjson_get_num(number));
    yyjson_doc_free(document);
    return o->floats();
}

// --- Writing ------------------------------------------------------------------------------------

void *yyjson_open(const codec_subject *s)
{
    auto *o = new opened(s);
    o->document = yyjson_mut_doc_new(nullptr);
    yyjson_mut_val *root = yyjson_mut_arr(o->document);
    yyjson_mut_doc_set_root(o->document, root);
    const float *from = s->values;
    for (std::size_t y = 0; y < s->rows; y++) {
        yyjson_mut_val *row = yyjson_mut_arr_add_arr(o->document, root);
        for (std::size_t x = 0; x < s->columns; x++, from++)
            s->whole ? yyjson_mut_arr_add_uint(o->document, row, static_cast<uint64_t>(*from))
                     : yyjson_mut_arr_add_float(o->document, row, *from);
    }
    return o;
}

codec_bytes yyjson_text(void *self)
{
    auto *o = static_cast<opened *>(self);
    std::size_t bytes;
    std::free(o->written);
    o->written = yyjson_mut_write(o->document, YYJSON_WRITE_NOFLAG, &bytes);
    return {o->written, bytes};
}

codec_bytes to_chars_text(void *self)
{
    auto *o = static_cast<opened *>(self);
    const float *from = o->subject->values;
    char *at = o->text.data(), *end = at + o->text.size();
    for (std::size_t y = 0; y < o->subject->rows; y++) {
        *at++ = y == 0 ? '[' : ',';
        for (std::size_t x = 0; x < o->subject->columns; x++) {
            *at++ = x == 0 ? '[' : ',';
            at = std::to_chars(at, end, *from++).ptr;
        }
        *at++ = ']';
    }
    *at++ = ']';
    return {o->text.data(), static_cast<std::size_t>(at - o->text.data())};
}

} // namespace

extern "C" const codec_way codec_peer_ways[] = {
    {"simdjson " SIMDJSON_VERSION ", on demand", CODEC_READ, open, on_demand_read},
    {"simdjson " SIMDJSON_VERSION ", DOM", CODEC_READ, open, dom_read},
    {"simdjson " SIMDJSON_VERSION ", parsing alone", CODEC_READ, open, dom_parse},
    {"yyjson " YYJSON_VERSION_STRING, CODEC_READ, open, yyjson_floats},
    {"yyjson " YYJSON_VERSION_STRING ", parsing alone", CODEC_READ, open, yyjson_parse},
    {"yyjson " YYJSON_VERSION_STRING, CODEC_WRITE, yyjson_open, yyjson_text},
    {"std::to_chars", CODEC_WRITE, open, to_chars_text},
    {nullptr, CODEC_READ, nullptr, nullptr},
};
