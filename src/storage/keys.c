/* keys.c: see keys.h. */
#include "storage/keys.h"
#include "base/bytes.h"
#include "base/text.h"

size_t gv_keys_count(const uint8_t *list) { return list ? gv_get_u32(list) : 0; }

bool gv_keys_at(const uint8_t *list, size_t number, GV_Key *key)
{
    if (number >= gv_keys_count(list)) return false;
    const uint8_t *at = list + 4;
    for (; number > 0; number--) at += 4 + (size_t)gv_get_u32(at);
    *key = (GV_Key){at + 4, gv_get_u32(at)};
    return true;
}

size_t gv_keys_find(const uint8_t *list, const void *key, size_t size)
{
    GV_Key there;
    size_t number = 0;
    while (gv_keys_at(list, number, &there)) {
        if (there.size == size && memcmp(there.bytes, key, size) == 0) return number;
        number++;
    }
    return SIZE_MAX;
}

static GV_Status check_key(const uint8_t *list, size_t number)
{
    GV_Key key = {0};
    (void)gv_keys_at(list, number, &key);
    if (key.size == 0) return gv_fail(GV_ERR_ARGUMENT, "key %zu is empty", number);
    if (memchr(key.bytes, 0, key.size)) return gv_fail(GV_ERR_ARGUMENT, "key %zu contains a NUL", number);
    if (!gv_is_utf8(key.bytes, key.size)) return gv_fail(GV_ERR_ARGUMENT, "key %zu is not UTF-8", number);
    size_t first = gv_keys_find(list, key.bytes, key.size);
    return first == number ? GV_OK : gv_fail(GV_ERR_ARGUMENT, "keys %zu and %zu are the same", first, number);
}

GV_Status gv_keys_check(const uint8_t *bytes, size_t available, size_t *size)
{
    size_t at = 4, count = available >= 4 ? gv_get_u32(bytes) : SIZE_MAX;
    if (count > GV_KEYS_MOST)
        return gv_fail(GV_ERR_ARGUMENT, "%zu keys, at most %d can be indexed", count, GV_KEYS_MOST);
    for (size_t i = 0; i < count; i++) {
        size_t rest = available - at;
        if (rest < 4 || gv_get_u32(bytes + at) > rest - 4)
            return gv_fail(GV_ERR_ARGUMENT, "key %zu does not fit its list of %zu bytes", i, available);
        at += 4 + (size_t)gv_get_u32(bytes + at);
    }
    for (size_t i = 0; i < count; i++) GV_TRY(check_key(bytes, i));
    *size = at;
    return GV_OK;
}
