/* json.c: recursive descent over one buffer. Strict (RFC 8259), but lone surrogates and depth over 32 are refused. */
#include "json.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
    DEPTH_MAX = 32,
    NUMBER_MAX = 64
};

typedef struct Reader {
    const char *at;
    const char *end;
    const char *error;
    int depth;
} Reader;

static bool read_value(Reader *reader, Json *out);

static bool fail(Reader *reader, const char *error)
{
    if (reader->error == NULL) reader->error = error;
    return false;
}

static char peek(const Reader *reader) { return reader->at < reader->end ? *reader->at : '\0'; }

static void skip_space(Reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) != NULL && *reader->at != '\0') reader->at++;
}

static bool take(Reader *reader, char c)
{
    skip_space(reader);
    if (peek(reader) != c) return false;
    reader->at++;
    return true;
}

static bool take_word(Reader *reader, const char *word)
{
    size_t length = strlen(word);
    if ((size_t)(reader->end - reader->at) < length || memcmp(reader->at, word, length) != 0) return false;
    reader->at += length;
    return true;
}

/* Four hexadecimal digits of \uXXXX. */
static bool read_unit(Reader *reader, uint32_t *unit)
{
    *unit = 0;
    for (int i = 0; i < 4; i++) {
        const char *digits = "0123456789abcdef";
        char c = peek(reader);
        if (c >= 'A' && c <= 'F') c = (char)(c - 'A' + 'a');
        const char *found = c == '\0' ? NULL : strchr(digits, c);
        if (found == NULL) return fail(reader, "bad \\u escape");
        *unit = *unit * 16 + (uint32_t)(found - digits);
        reader->at++;
    }
    return true;
}

static size_t write_utf8(uint32_t point, char *out)
{
    size_t size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    static const uint32_t lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = size; i-- > 1; point >>= 6) out[i] = (char)(0x80 | (point & 0x3F));
    out[0] = (char)(lead[size] | point);
    return size;
}

/* An escape, after its backslash; its bytes go to `out`, which has room for four. */
static bool read_escape(Reader *reader, char *out, size_t *size)
{
    static const char names[] = "\"\\/bfnrt", values[] = "\"\\/\b\f\n\r\t";
    char c = peek(reader);
    reader->at++;
    *size = 1;
    if (c == 'u') {
        uint32_t unit, low;
        if (!read_unit(reader, &unit)) return false;
        if (unit >= 0xD800 && unit < 0xE000) {
            if (unit >= 0xDC00 || !take_word(reader, "\\u") || !read_unit(reader, &low)) {
                return fail(reader, "lone surrogate");
            }
            if (low < 0xDC00 || low >= 0xE000) return fail(reader, "lone surrogate");
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        }
        *size = write_utf8(unit, out);
        return true;
    }
    const char *found = c == '\0' ? NULL : strchr(names, c);
    if (found == NULL) return fail(reader, "bad escape");
    *out = values[found - names];
    return true;
}

/* A string; what it says is never longer than how it is written. */
static bool read_string(Reader *reader, char **text, size_t *length)
{
    if (!take(reader, '"')) return fail(reader, "a string was expected");
    const char *close = reader->at;
    while (close < reader->end && *close != '"') close += *close == '\\' ? 2 : 1;
    if (close >= reader->end) return fail(reader, "a string without its end");
    *text = malloc((size_t)(close - reader->at) + 4);
    if (*text == NULL) return fail(reader, "out of memory");
    *length = 0;
    while (*reader->at != '"') {
        size_t size = 1;
        if ((unsigned char)*reader->at < 0x20) return fail(reader, "a control character in a string");
        if (*reader->at == '\\') {
            reader->at++;
            if (!read_escape(reader, *text + *length, &size)) return false;
        } else {
            (*text)[*length] = *reader->at++;
        }
        *length += size;
    }
    (*text)[*length] = '\0';
    reader->at++;
    return true;
}

static bool read_number(Reader *reader, Json *out)
{
    char digits[NUMBER_MAX], *end;
    size_t n = 0;
    while (reader->at < reader->end && *reader->at != '\0' && strchr("+-.0123456789eE", *reader->at) != NULL) {
        if (n + 1 == sizeof digits) return fail(reader, "a number that is too long");
        digits[n++] = *reader->at++;
    }
    digits[n] = '\0';
    out->kind = JSON_NUMBER;
    out->number = strtod(digits, &end);
    return n > 0 && *end == '\0' ? true : fail(reader, "not a value");
}

/* The members of an array or object, after its opening bracket. */
static bool read_members(Reader *reader, Json *out, char close)
{
    Json **link = &out->first;
    if (++reader->depth > DEPTH_MAX) return fail(reader, "too deep");
    if (take(reader, close)) return reader->depth--, true;
    do {
        Json *member = calloc(1, sizeof *member);
        if (member == NULL) return fail(reader, "out of memory");
        *link = member;
        link = &member->next;
        out->length++;
        if (out->kind == JSON_OBJECT) {
            if (!read_string(reader, &member->key, &member->key_length)) return false;
            if (!take(reader, ':')) return fail(reader, "':' was expected");
        }
        if (!read_value(reader, member)) return false;
    } while (take(reader, ','));
    reader->depth--;
    return take(reader, close) ? true : fail(reader, "',' or a closing bracket was expected");
}

static bool read_value(Reader *reader, Json *out)
{
    skip_space(reader);
    if (take_word(reader, "null")) return out->kind = JSON_NULL, true;
    if (take_word(reader, "false")) return out->kind = JSON_FALSE, true;
    if (take_word(reader, "true")) return out->kind = JSON_TRUE, true;
    if (peek(reader) == '"') {
        out->kind = JSON_STRING;
        return read_string(reader, &out->text, &out->length);
    }
    if (take(reader, '[')) return out->kind = JSON_ARRAY, read_members(reader, out, ']');
    if (take(reader, '{')) return out->kind = JSON_OBJECT, read_members(reader, out, '}');
    return read_number(reader, out);
}

Json *json_parse(const char *bytes, size_t size, const char **error, size_t *at)
{
    Reader reader = {bytes, bytes + size, NULL, 0};
    Json *root = calloc(1, sizeof *root);
    if (root == NULL) {
        fail(&reader, "out of memory");
    } else if (read_value(&reader, root)) {
        skip_space(&reader);
        if (reader.at != reader.end) fail(&reader, "more text behind the value");
    }
    *error = reader.error;
    *at = (size_t)(reader.at - bytes);
    if (reader.error == NULL) return root;
    json_free(root);
    return NULL;
}

void json_free(Json *json)
{
    while (json != NULL) {
        Json *next = json->next;
        json_free(json->first);
        free(json->text);
        free(json->key);
        free(json);
        json = next;
    }
}

const Json *json_get(const Json *object, const char *key)
{
    if (object == NULL || object->kind != JSON_OBJECT) return NULL;
    for (const Json *member = object->first; member != NULL; member = member->next) {
        if (strcmp(member->key, key) == 0) return member;
    }
    return NULL;
}

bool json_is(const Json *json, const char *text)
{
    return json != NULL && json->kind == JSON_STRING && strcmp(json->text, text) == 0;
}
