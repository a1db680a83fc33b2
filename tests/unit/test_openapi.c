/* GET /openapi.json says what there is. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "api/presets.h"
#include "tests/support/api.h"

static json_t *schema(const struct reply *r, const char *name)
{
    return json_object_get(json_object_get(json_object_get(r->json, "components"), "schemas"),
                           name);
}

Test(openapi, has_each_route_once, .timeout = 20)
{
    struct reply r = ask(&(struct question){.path = "/openapi.json"});
    json_t *json = json_loadb(r.response.body, r.response.body_bytes, JSON_REJECT_DUPLICATES, NULL);
    cr_assert(json != NULL, "a name is there twice");
    size_t routes = 0, methods = 0;
    for (const struct api_route *route = api_routes; route->path != NULL; route++)
        routes++;
    const char *path;
    json_t *item;
    json_object_foreach(json_object_get(json, "paths"), path, item)
    {
        methods += json_object_size(item);
    }
    cr_assert(methods == routes, "%zu methods of %zu routes", methods, routes);
    const json_t *compare = json_object_get(json_object_get(json, "paths"), "/compare");
    cr_assert(json_object_get(compare, "get") != NULL && json_object_get(compare, "post") != NULL,
              "a method of /compare is missing");
    json_decref(json);
    reply_free(&r);
}

/* Each member that a schema names is taken: what is refused is its value. */
static void assert_members_taken(const struct reply *r, const char *name, const char *path)
{
    json_t *properties = json_object_get(schema(r, name), "properties"), *value;
    cr_assert(json_object_size(properties) > 3, "%s has no members", name);
    const char *member;
    json_object_foreach(properties, member, value)
    {
        char body[160];
        (void)snprintf(body, sizeof body, "{\"%s\":7}", member);
        struct reply answer = ask(&(struct question){.path = path, .body = body});
        const char *detail = json_string_value(json_object_get(answer.json, "detail"));
        cr_assert(detail != NULL && strstr(detail, "no member") == NULL, "%s has %s: %s", name,
                  member, detail);
        reply_free(&answer);
    }
}

Test(openapi, names_members_that_are_taken, .timeout = 20)
{
    struct reply r = ask(&(struct question){.path = "/openapi.json"});
    assert_members_taken(&r, "Request", "/upsample");
    assert_members_taken(&r, "Comparison", "/compare");
    reply_free(&r);
}

Test(openapi, lists_the_presets, .timeout = 20)
{
    struct reply r = ask(&(struct question){.path = "/openapi.json"});
    const json_t *list = json_object_get(
        json_object_get(json_object_get(schema(&r, "Comparison"), "properties"), "preset"),
        "oneOf");
    size_t count = 0;
    for (const struct api_preset *row = api_presets; row->name != NULL; row++, count++)
        cr_assert_str_eq(json_string_value(json_object_get(json_array_get(list, count), "const")),
                         row->name);
    cr_assert(json_array_size(list) == count, "%zu are listed", json_array_size(list));
    reply_free(&r);
}
