/* DESIGN
 * The assembler copies each file into the read-only data, so the program serves what the source
 * tree holds. Paths are relative to the root of the repository, where make runs. */
#include "server/assets.h"

/* Reached by distance and not through the table of addresses: GNU ld gives local symbols of one
 * section one place in that table on AArch64, and every file would be empty. */
#define HIDDEN __attribute__((visibility("hidden")))

#define EMBED(name, file)                                                                          \
    __asm__(".pushsection .rodata\n"                                                               \
            ".balign 16\n"                                                                         \
            "asset_" #name "_begin: .incbin \"" file "\"\n"                                        \
            "asset_" #name "_end: .byte 0\n"                                                       \
            ".popsection\n");                                                                      \
    extern HIDDEN const unsigned char asset_##name##_begin[], asset_##name##_end[]

EMBED(index, "server/playground/index.html");
EMBED(style, "server/playground/style.css");
EMBED(ahead, "server/playground/ahead.js");
EMBED(app, "server/playground/app.js");
EMBED(compare, "server/playground/compare.js");
EMBED(controls, "server/playground/controls.js");
EMBED(dom, "server/playground/dom.js");
EMBED(editor, "server/playground/editor.js");
EMBED(explain, "server/playground/explain.js");
EMBED(forms, "server/playground/forms.js");
EMBED(heatmap, "server/playground/heatmap.js");
EMBED(image, "server/playground/image.js");
EMBED(links, "server/playground/links.js");
EMBED(presets, "server/playground/presets.js");
EMBED(quick, "server/playground/quick.js");
EMBED(results, "server/playground/results.js");
EMBED(service, "server/playground/service.js");
EMBED(source, "server/playground/source.js");
EMBED(state, "server/playground/state.js");
EMBED(takeaway, "server/playground/takeaway.js");
EMBED(view, "server/playground/view.js");
EMBED(weights, "server/playground/weights.js");

static const struct {
    const char *path, *type;
    const unsigned char *begin, *end;
} files[] = {
    {"/", "text/html; charset=utf-8", asset_index_begin, asset_index_end},
    {"/style.css", "text/css; charset=utf-8", asset_style_begin, asset_style_end},
#define SCRIPT(name)                                                                               \
    {                                                                                              \
        "/" #name ".js", "text/javascript; charset=utf-8", asset_##name##_begin,                   \
            asset_##name##_end                                                                     \
    }
    SCRIPT(ahead),
    SCRIPT(app),
    SCRIPT(compare),
    SCRIPT(controls),
    SCRIPT(dom),
    SCRIPT(editor),
    SCRIPT(explain),
    SCRIPT(forms),
    SCRIPT(heatmap),
    SCRIPT(image),
    SCRIPT(links),
    SCRIPT(presets),
    SCRIPT(quick),
    SCRIPT(results),
    SCRIPT(service),
    SCRIPT(source),
    SCRIPT(state),
    SCRIPT(takeaway),
    SCRIPT(view),
    SCRIPT(weights),
#undef SCRIPT
};

enum { FILES = sizeof files / sizeof files[0] };

const struct api_asset *srv_assets(void)
{
    static struct api_asset assets[FILES + 1];
    for (size_t i = 0; i < FILES; i++)
        assets[i] = (struct api_asset){files[i].path, files[i].type, files[i].begin,
                                       (size_t)(files[i].end - files[i].begin)};
    return assets;
}
