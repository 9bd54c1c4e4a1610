/* metadata.c: packed pairs: u32 count, then for each u32 key bytes, u32 value bytes, key, value. */
#include "storage/metadata.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "base/text.h"
#include "storage/format.h"

/* The pair at `*at`, which moves behind it; false if it does not fit. */
static bool next_pair(const uint8_t *row, size_t size, size_t *at, GV_Pair *pair)
{
    *pair = (GV_Pair){0};
    if (size - *at < 8) return false;
    pair->key_size = gv_get_u32(row + *at);
    pair->value_size = gv_get_u32(row + *at + 4);
    size_t rest = size - *at - 8;
    if (pair->key_size > rest || pair->value_size > rest - pair->key_size) return false;
    pair->key = row + *at + 8;
    pair->value = pair->key + pair->key_size;
    *at += 8 + pair->key_size + pair->value_size;
    return true;
}

GV_Pairs gv_metadata_pairs(const uint8_t *row, size_t size)
{
    return (GV_Pairs){row, size, 4, size < 4 ? 0 : gv_get_u32(row)};
}

bool gv_metadata_next(GV_Pairs *pairs, GV_Pair *pair)
{
    if (pairs->left == 0 || !next_pair(pairs->row, pairs->size, &pairs->at, pair)) return false;
    pairs->left--;
    return true;
}

bool gv_metadata_find(const uint8_t *row, size_t size, const void *key, size_t key_size, GV_Pair *pair)
{
    GV_Pairs pairs = gv_metadata_pairs(row, size);
    while (gv_metadata_next(&pairs, pair))
        if (pair->key_size == key_size && memcmp(pair->key, key, key_size) == 0) return true;
    return false;
}

size_t gv_metadata_row_size(const uint8_t *bytes, size_t available)
{
    if (available < 4) return 0;
    size_t at = 4;
    GV_Pair pair;
    for (uint32_t left = gv_get_u32(bytes); left > 0; left--)
        if (!next_pair(bytes, available, &at, &pair)) return 0;
    return at;
}

static GV_Status check_text(const uint8_t *text, size_t size, const char *what, size_t index)
{
    if (size > 0 && memchr(text, 0, size))
        return gv_fail(GV_ERR_ARGUMENT, "metadata of row %zu: a %s contains a NUL", index, what);
    if (!gv_is_utf8(text, size)) return gv_fail(GV_ERR_ARGUMENT, "metadata of row %zu: a %s is not UTF-8", index, what);
    return GV_OK;
}

static bool key_stood_before(const uint8_t *row, size_t end, const GV_Pair *wanted)
{
    size_t at = 4;
    GV_Pair pair;
    while (at < end && next_pair(row, end, &at, &pair))
        if (pair.key_size == wanted->key_size && memcmp(pair.key, wanted->key, pair.key_size) == 0) return true;
    return false;
}

GV_Status gv_metadata_check(const uint8_t *row, size_t size, size_t index)
{
    if (size > GV_METADATA_ROW_MAX)
        return gv_fail(GV_ERR_ARGUMENT, "metadata of row %zu: %zu bytes, at most %d are allowed", index, size,
                       GV_METADATA_ROW_MAX);
    if (size == 0 || gv_metadata_row_size(row, size) != size)
        return gv_fail(GV_ERR_ARGUMENT, "metadata of row %zu: its pairs do not fill its %zu bytes", index, size);
    uint32_t count = gv_get_u32(row);
    size_t at = 4;
    for (uint32_t i = 0; i < count; i++) {
        size_t start = at;
        GV_Pair pair;
        (void)next_pair(row, size, &at, &pair);
        GV_TRY(check_text(pair.key, pair.key_size, "key", index));
        GV_TRY(check_text(pair.value, pair.value_size, "value", index));
        if (key_stood_before(row, start, &pair))
            return gv_fail(GV_ERR_ARGUMENT, "metadata of row %zu: key %u is there twice", index, i);
    }
    return GV_OK;
}

GV_Status gv_metadata_pack(const char *const *keys, const char *const *values, size_t count, uint8_t **row,
                           size_t *size)
{
    *row = NULL;
    *size = 4;
    if (count > GV_METADATA_ROW_MAX / 8 || (count > 0 && (!keys || !values)))
        return gv_fail(GV_ERR_ARGUMENT, "metadata: %zu pairs without keys or values, or too many", count);
    for (size_t i = 0; i < count; i++) {
        if (!keys[i] || !values[i])
            return gv_fail(GV_ERR_ARGUMENT, "metadata: pair %zu has no %s", i, keys[i] ? "value" : "key");
        size_t pair_size = strlen(keys[i]) + strlen(values[i]) + 8;
        if (pair_size > GV_METADATA_ROW_MAX || *size + pair_size > GV_METADATA_ROW_MAX)
            return gv_fail(GV_ERR_ARGUMENT, "metadata: more than the %d bytes allowed for a row", GV_METADATA_ROW_MAX);
        *size += pair_size;
    }
    uint8_t *at = *row = gv_alloc(NULL, *size);
    if (!at) return gv_last_status();
    gv_put_u32(at, (uint32_t)count);
    at += 4;
    for (size_t i = 0; i < count; i++) {
        size_t key_size = strlen(keys[i]), value_size = strlen(values[i]);
        gv_put_u32(at, (uint32_t)key_size);
        gv_put_u32(at + 4, (uint32_t)value_size);
        memcpy(at + 8, keys[i], key_size);
        memcpy(at + 8 + key_size, values[i], value_size);
        at += 8 + key_size + value_size;
    }
    return GV_OK;
}

/* One allocation a pair: the node, then both strings. */
static GV_Metadata *new_node(const GV_Pair *pair)
{
    GV_Metadata *node = gv_alloc(NULL, sizeof *node + pair->key_size + pair->value_size + 2);
    if (!node) return NULL;
    node->key = (char *)(node + 1);
    node->value = node->key + pair->key_size + 1;
    memcpy(node->key, pair->key, pair->key_size);
    memcpy(node->value, pair->value, pair->value_size);
    return node;
}

GV_Status gv_metadata_list(const uint8_t *row, size_t size, GV_Metadata **out)
{
    *out = NULL;
    if (size == 0 || gv_metadata_row_size(row, size) != size)
        return gv_fail(GV_ERR_CORRUPT, "metadata: a row of %zu bytes does not parse", size);
    GV_Metadata **tail = out;
    size_t at = 4;
    GV_Pair pair;
    for (uint32_t left = gv_get_u32(row); left > 0 && next_pair(row, size, &at, &pair); left--) {
        *tail = new_node(&pair);
        if (!*tail) {
            gv_metadata_list_free(*out);
            *out = NULL;
            return gv_last_status();
        }
        tail = &(*tail)->next;
    }
    return GV_OK;
}

void gv_metadata_list_free(GV_Metadata *list)
{
    for (GV_Metadata *next; list; list = next) {
        next = list->next;
        gv_free(list);
    }
}
