/* test_filter.c: without it, a filter could mean another thing than docs/filters.md says, be refused without a word of use, or crash. */
#include "base/random.h"
#include "check.h"
#include "query/expression.h"
#include "query/search.h"
#include "storage/metadata.h"
#include <string.h>

/* ---- errors ---- */

static void check_refused(const char *text, const char *sentence)
{
    GV_Heap heap = {0};
    GV_Expression *made;
    CHECK(gv_filter_check(text) == GV_ERR_BAD_FILTER, "%.60s is a filter", text);
    CHECK(strcmp(gv_last_error(), sentence) == 0, "%.60s:\n  got      %s\n  expected %s", text, gv_last_error(),
          sentence);
    CHECK(gv_expression_new(&heap, &(GV_FilterText){.expression = text}, &made) == GV_ERR_BAD_FILTER && !made &&
              heap.used_bytes == 0,
          "%.60s: a tree is left", text);
}

static void test_errors(void)
{
    static const char *const errors[][2] = {
        {"", "filter, column 1: found the end, expected a column, NOT, EXISTS or \"(\""},
        {"  ", "filter, column 3: found the end, expected a column, NOT, EXISTS or \"(\""},
        {"a", "filter, column 2: found the end, expected ==, !=, <, <=, >, >=, IN, CONTAINS, PREFIX or EXISTS"},
        {"a = 1", "filter, column 3: found \"=\", expected an operator (use ==)"},
        {"a == ", "filter, column 6: found the end, expected a value"},
        {"(price > )", "filter, column 10: found \")\", expected a value"},
        {"a == red", "filter, column 6: found \"red\", expected a value (put text in quotes)"},
        {"a == 'x' b", "filter, column 10: found \"b\", expected AND, OR or the end"},
        {"a == 'x')", "filter, column 9: found \")\", expected AND, OR or the end"},
        {"(a == 'x'", "filter, column 10: found the end, expected AND, OR or \")\""},
        {"a == 'x' AND", "filter, column 13: found the end, expected a column, NOT, EXISTS or \"(\""},
        {"AND == 1", "filter, column 1: found \"AND\", expected a column, NOT, EXISTS or \"(\""},
        {"5 == a", "filter, column 1: found \"5\", expected a column, NOT, EXISTS or \"(\""},
        {"'a' == 1", "filter, column 1: found 'a', expected a column, NOT, EXISTS or \"(\""},
        {"exists", "filter, column 7: found the end, expected a column"},
        {"EXISTS 'a'", "filter, column 8: found 'a', expected a column"},
        {"a IN 1", "filter, column 6: found \"1\", expected \"(\" and values"},
        {"a IN ()", "filter, column 7: found \")\", expected a value"},
        {"a IN (1 2)", "filter, column 9: found \"2\", expected \",\" or \")\""},
        {"a IN (1,)", "filter, column 9: found \")\", expected a value"},
        {"a IN (1, b)", "filter, column 10: found \"b\", expected a value (put text in quotes)"},
        {"a CONTAINS 5", "filter, column 12: found \"5\", expected text in quotes"},
        {"a PREFIX b", "filter, column 10: found \"b\", expected text in quotes"},
        {"a == 12ab",
         "filter, column 6: found \"12ab\", expected a number (finite, of at most 64 bytes), or text in quotes"},
        {"a == 1e999",
         "filter, column 6: found \"1e999\", expected a number (finite, of at most 64 bytes), or text in quotes"},
        {"a == .5",
         "filter, column 6: found \".5\", expected a number (finite, of at most 64 bytes), or text in quotes"},
        {"a == +5", "filter, column 6: found \"+\", expected a value"},
        {"a == \"x", "filter, column 6: found \"x, expected a closing quote"},
        {"a == \"x\\", "filter, column 8: found \"\\\", expected \\\\, \\\", \\' or \\`"},
        {"`a == 1", "filter, column 1: found `a == 1, expected a closing quote"},
        {"a == 'x\\n'", "filter, column 8: found \"\\n\", expected \\\\, \\\", \\' or \\`"},
        {"a == '\\\xC3\xA9'", "filter, column 7: found \"\\\xC3\xA9\", expected \\\\, \\\", \\' or \\`"},
        {"a <> 1", "filter, column 4: found \">\", expected a value"},
        {"a & b", "filter, column 3: found \"&\", expected ==, !=, <, <=, >, >=, IN, CONTAINS, PREFIX or EXISTS"},
        {"a ! b", "filter, column 3: found \"!\", expected ==, !=, <, <=, >, >=, IN, CONTAINS, PREFIX or EXISTS"},
        {"a NOT IN (1)",
         "filter, column 3: found \"NOT\", expected ==, !=, <, <=, >, >=, IN, CONTAINS, PREFIX or EXISTS"},
        {"`\xC3\xA9\xE2\x82\xAC` == \xF0\x9F\x98\x80",
         "filter, column 9: found \"\xF0\x9F\x98\x80\", expected a value"},
        {"a == 1 \xC2\xA0", "filter, column 8: found \"\xC2\xA0\", expected AND, OR or the end"},
        {"a == '\xC3\xA9\xC3'", "filter, column 8: found byte c3, expected UTF-8"},
        {"\x80", "filter, column 1: found byte 80, expected UTF-8"},
        {"a == 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xC3\xA9z",
         "filter, column 6: found 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa..., expected a closing quote"},
    };
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) check_refused(errors[i][0], errors[i][1]);
    CHECK(gv_filter_check(NULL) == GV_ERR_ARGUMENT, "NULL is a filter");
}

/* `count` times `text`, with `before` and `after`. */
static char *repeated(const char *before, const char *text, size_t count, const char *after)
{
    size_t size = strlen(text);
    char *made = calloc(1, strlen(before) + size * count + strlen(after) + 1);
    CHECK(made, "no memory");
    strcat(made, before);
    for (size_t i = 0, at = strlen(before); i < count; i++, at += size) memcpy(made + at, text, size);
    strcat(made, after);
    return made;
}

static void check_bound(const char *before, const char *text, size_t most, const char *after, const char *sentence)
{
    char *good = repeated(before, text, most, after), *bad = repeated(before, text, most + 1, after);
    CHECK_OK(gv_filter_check(good));
    check_refused(bad, sentence);
    free(good);
    free(bad);
}

static void test_bounds(void)
{
    check_bound("", "NOT ", 64, "a == 1", "filter, column 257: more than 64 parentheses and NOTs within one another");
    char *open = repeated("", "(", 64, "a == 1"), *whole = repeated(open, ")", 64, "");
    CHECK_OK(gv_filter_check(whole));
    free(open);
    free(whole);
    check_bound("a == 1 AND b IN (0", ",0", 4095, ")", "filter, column 8210: more than 4096 values in IN lists");
    check_bound("x<1", " OR a<1", 4094, "", "filter, column 28666: more than 4096 conditions, ANDs, ORs and NOTs");
    check_bound("a=='", "x", 65536 - 5, "'", "filter: 65537 bytes, at most 65536 are allowed");
}

/* ---- what a condition says ---- */

static bool says(const char *filter, const char *value)
{
    GV_Heap heap = {0};
    GV_Expression *made;
    CHECK_OK(gv_expression_new(&heap, &(GV_FilterText){.expression = filter}, &made));
    CHECK(made->root->kind == GV_NODE_CONDITION, "%s is no condition", filter);
    bool holds = gv_condition_holds(&made->root->condition, (const uint8_t *)value, strlen(value));
    gv_expression_free(&heap, made);
    CHECK(heap.used_bytes == 0, "%zu bytes left", (size_t)heap.used_bytes);
    return holds;
}

static void test_conditions(void)
{
    static const char *const hold[][2] = {
        {"a == 'x'", "x"},
        {"a == ''", ""},
        {"a == 5", "5.0"},
        {"a == 5", "005"},
        {"a != 5", "five"},
        {"a != 5", "5.1"},
        {"a != '5'", "5.0"},
        {"a == -0", "0.000"},
        {"a < 10", "9"},
        {"a < '10'", "9"},
        {"a > '10'", "nine"},
        {"a > 10", "nine"},
        {"a >= '50'", "50.0"},
        {"a <= 1e3", "1000"},
        {"a < 'b'", "a"},
        {"a < 'ab'", "a"},
        {"a > 'a'", "ab"},
        {"a < 2", "1x"},
        {"a CONTAINS 'ell'", "hello"},
        {"a CONTAINS ''", ""},
        {"a CONTAINS 'hello'", "hello"},
        {"a PREFIX 'he'", "hello"},
        {"a PREFIX ''", ""},
        {"a IN (3, 'x', 1)", "1.0"},
        {"a IN (3, 'x', 1)", "x"},
        {"a IN ('3', 'x')", "3"},
        {"a == 'it\\'s \\\\ \\\" \\`'", "it's \\ \" `"},
        {"a == \"'\"", "'"},
        {"a in (1)", "1"},
        {"a == 0.1", "0.1000000000000000055511151231257827"},
        {"a > 9007199254740992", "9007199254740994"},
        {"a == 9007199254740993", "9007199254740992"},
    };
    static const char *const fail[][2] = {
        {"a == 'x'", "X"},
        {"a == 'x'", "xx"},
        {"a == 'x'", ""},
        {"a == '5'", "5.0"},
        {"a == 5", "five"},
        {"a == 5", "5 "},
        {"a != 5", "5e0"},
        {"a != 'x'", "x"},
        {"a < 10", "nine"},
        {"a < 10", "10"},
        {"a > 10", "9"},
        {"a > '10'", "9"},
        {"a < 'a'", "a"},
        {"a > 'ab'", "a"},
        {"a CONTAINS 'x'", "hello"},
        {"a CONTAINS 'hello!'", "hello"},
        {"a PREFIX 'el'", "hello"},
        {"a PREFIX 'hello!'", "hello"},
        {"a IN (3, 'x', 1)", "2"},
        {"a IN ('3', 'x')", "3.0"},
        {"a IN (3, 'x')", "y"},
        {"a IN (3)", ""},
    };
    for (size_t i = 0; i < sizeof hold / sizeof *hold; i++)
        CHECK(says(hold[i][0], hold[i][1]), "%s fails for %s", hold[i][0], hold[i][1]);
    for (size_t i = 0; i < sizeof fail / sizeof *fail; i++)
        CHECK(!says(fail[i][0], fail[i][1]), "%s holds for %s", fail[i][0], fail[i][1]);
    char *list = repeated("a IN (", "7.5, 'z', 'b', 3,", 1000, "'c', 1e1)");
    CHECK(says(list, "7.50") && says(list, "z") && says(list, "b") && says(list, "c") && says(list, "10") &&
              says(list, "3"),
          "a value of the long list is not found");
    CHECK(!says(list, "a") && !says(list, "bb") && !says(list, "") && !says(list, "7") && !says(list, "99"),
          "a value that is not in the long list is found");
    free(list);
}

/* ---- whole filters against a naive reading of the same ---- */

typedef struct Word {
    const char *text;
    bool numeric;
    double number;
} Word;

static const Word words[] = {
    {"", false, 0},       {"0", true, 0},         {"-0.0", true, 0},
    {"7", true, 7},       {"07", true, 7},        {"7.0", true, 7},
    {"70e-1", true, 7},   {"-12.5", true, -12.5}, {"1e3", true, 1000},
    {"1000", true, 1000}, {"999", true, 999},     {"7 ", false, 0},
    {"red", false, 0},    {"redder", false, 0},   {"Red", false, 0},
    {"it's", false, 0},   {"a\\b\"c`", false, 0}, {"\xC3\xA9t\xC3\xA9", false, 0},
    {"1e999", false, 0},
};
static const char *const keys[] = {"a", "b-1.x", "a key`\\", "\xC3\xA9", "NOT"};
enum {
    WORDS = sizeof words / sizeof *words,
    KEYS = sizeof keys / sizeof *keys,
    ROWS = 40,
    TEXT_MOST = 4096
};

typedef struct Row {
    int values[KEYS]; /* words; -1: no such key */
    uint8_t *packed;
    size_t size;
} Row;

typedef struct Printer {
    char text[TEXT_MOST];
    size_t size;
    uint64_t seed, drawn;
} Printer;

static size_t draw(Printer *p, size_t below) { return (size_t)(gv_random(p->seed, p->drawn++) % below); }

static void put(Printer *p, const char *text)
{
    size_t size = strlen(text);
    CHECK(p->size + size < TEXT_MOST, "the text is too long");
    memcpy(p->text + p->size, text, size + 1);
    p->size += size;
}

static void put_quoted(Printer *p, const char *text, char quote)
{
    char one[3] = {quote};
    put(p, one);
    for (; *text; text++) {
        bool escape = *text == quote || *text == '\\' || (strchr("\"'`", *text) && draw(p, 2));
        char c[3] = {escape ? '\\' : *text, escape ? *text : '\0'};
        put(p, c);
    }
    put(p, one);
}

/* In any mix of capitals. */
static void put_keyword(Printer *p, const char *word)
{
    for (; *word; word++) {
        char c[2] = {draw(p, 2) ? *word : (char)(*word | 32)};
        put(p, c);
    }
}

static void put_space(Printer *p, bool needed)
{
    static const char *const spaces[] = {"", " ", "\t", " \n ", "\r"};
    put(p, spaces[needed + draw(p, needed ? 4 : 5)]);
}

static void put_column(Printer *p, size_t key)
{
    if (key < 2 && draw(p, 2)) put(p, keys[key]);
    else put_quoted(p, keys[key], '`');
}

static bool equal(const Word *value, const Word *literal, bool quoted)
{
    if (quoted) return strcmp(value->text, literal->text) == 0;
    return value->numeric && value->number == literal->number;
}

static bool compare(const Word *value, const Word *literal, int op)
{
    int order = strcmp(value->text, literal->text);
    if (value->numeric && literal->numeric)
        order = value->number < literal->number ? -1 : value->number > literal->number;
    return op == 2 ? order < 0 : op == 3 ? order <= 0 : op == 4 ? order > 0 : order >= 0;
}

static const Word *put_literal(Printer *p, bool *quoted)
{
    const Word *literal = &words[draw(p, WORDS)];
    *quoted = !literal->numeric || draw(p, 2) == 0;
    if (*quoted) put_quoted(p, literal->text, draw(p, 2) ? '"' : '\'');
    else put(p, literal->text);
    return literal;
}

/* A condition on one key, printed; what it says of each row to `holds`. */
static void print_leaf(Printer *p, const Row *rows, bool holds[ROWS])
{
    static const char *const ops[] = {"==", "!=", "<", "<=", ">", ">="};
    size_t key = draw(p, KEYS);
    int op = (int)draw(p, 11);
    for (size_t i = 0; i < ROWS; i++) holds[i] = false;
    if (op == 9) put_keyword(p, "EXISTS"), put_space(p, true);
    put_column(p, key);
    put_space(p, op > 5);
    if (op == 10) put_keyword(p, "EXISTS");
    if (op < 6) put(p, ops[op]);
    if (op == 6) put_keyword(p, "IN"), put_space(p, false), put(p, "(");
    if (op == 7) put_keyword(p, "CONTAINS");
    if (op == 8) put_keyword(p, "PREFIX");
    size_t count = op == 6 ? 1 + draw(p, 5) : op < 9;
    for (size_t l = 0; l < count; l++) {
        bool quoted = true;
        const Word *literal = &words[draw(p, WORDS)];
        if (l > 0) put_space(p, false), put(p, ",");
        put_space(p, false);
        if (op == 7 || op == 8) put_quoted(p, literal->text, '"');
        else literal = put_literal(p, &quoted);
        for (size_t i = 0; i < ROWS; i++) {
            const Word *value = rows[i].values[key] >= 0 ? &words[rows[i].values[key]] : NULL;
            if (!value) continue;
            if (op == 0 || op == 6) holds[i] |= equal(value, literal, quoted);
            else if (op == 1) holds[i] = !equal(value, literal, quoted);
            else if (op < 6) holds[i] = compare(value, literal, op);
            else if (op == 7) holds[i] = strstr(value->text, literal->text) != NULL;
            else holds[i] = strncmp(value->text, literal->text, strlen(literal->text)) == 0;
        }
    }
    if (op == 6) put_space(p, false), put(p, ")");
    for (size_t i = 0; i < ROWS && op > 8; i++) holds[i] = rows[i].values[key] >= 0;
}

/* `binding`: 0 an OR may stand here, 1 an AND, 2 a NOT or less; beyond, only what is in parentheses. */
static void print_tree(Printer *p, const Row *rows, int depth, size_t binding, bool holds[ROWS])
{
    size_t kind = depth == 0 || p->size > TEXT_MOST / 2 ? 3 : draw(p, 4);
    if (kind == 3) {
        print_leaf(p, rows, holds);
        return;
    }
    bool wrapped = kind < binding || draw(p, 4) == 0;
    if (wrapped) put(p, "("), put_space(p, false);
    if (kind == 2) {
        put_keyword(p, "NOT");
        put_space(p, true);
        print_tree(p, rows, depth - 1, 2, holds);
        for (size_t i = 0; i < ROWS; i++) holds[i] = !holds[i];
    } else {
        print_tree(p, rows, depth - 1, kind + 1, holds);
        for (size_t more = 1 + draw(p, 3); more > 0; more--) {
            bool right[ROWS];
            put_space(p, true);
            put_keyword(p, kind == 0 ? "OR" : "AND");
            put_space(p, true);
            print_tree(p, rows, depth - 1, kind + 1, right);
            for (size_t i = 0; i < ROWS; i++) holds[i] = kind == 0 ? holds[i] || right[i] : holds[i] && right[i];
        }
    }
    if (wrapped) put_space(p, false), put(p, ")");
}

static void make_rows(Row rows[ROWS], GV_Table *table, GV_Heap *heap)
{
    float one = 1.0f;
    gv_table_init(table, heap, 1, GV_STORAGE_F32);
    CHECK_OK(gv_table_reserve(table, ROWS, ROWS, true, NULL));
    for (uint32_t i = 0; i < ROWS; i++) {
        const char *names[KEYS], *values[KEYS];
        size_t count = 0;
        uint8_t *metadata;
        for (uint32_t k = 0; k < KEYS; k++) {
            uint64_t chosen = gv_random(17, i * KEYS + k) % (WORDS + 4);
            rows[i].values[k] = chosen < WORDS ? (int)chosen : -1;
            if (chosen >= WORDS) continue;
            names[count] = keys[k];
            values[count++] = words[chosen].text;
        }
        CHECK_OK(gv_metadata_pack(names, values, count, &rows[i].packed, &rows[i].size));
        CHECK_OK(gv_table_metadata_new(table, rows[i].packed, rows[i].size, &metadata));
        gv_table_stage(table, i, i, &one, 1.0f, metadata);
        gv_table_enter(table, i);
        if (i % 8 != 7) gv_table_show(table, i); /* the others are not live, and match nothing */
    }
}

static void check_answer(const char *text, const GV_FilterText *filter, const GV_Table *table, const bool holds[ROWS])
{
    GV_Heap heap = {0};
    GV_Expression *made;
    GV_Bitset matches = {0};
    uint64_t count, expected = 0;
    GV_Terms terms;
    CHECK(gv_terms_init(&terms, &heap, table) == 0, "no lock");
    CHECK_OK(gv_expression_new(&heap, filter, &made));
    CHECK_OK(gv_filter(&terms, &heap, made, &matches, &count));
    for (uint32_t i = 0; i < ROWS; i++) {
        bool wanted = holds[i] && i % 8 != 7;
        CHECK(gv_bitset_get(&matches, i) == wanted, "row %u %s: %s", i, wanted ? "is missing" : "is there", text);
        expected += wanted;
    }
    CHECK(count == expected, "%u counted, %u there: %s", (unsigned)count, (unsigned)expected, text);
    gv_terms_free(&terms);
    gv_bitset_free(&matches, &heap);
    gv_expression_free(&heap, made);
    CHECK(heap.used_bytes == 0, "%zu bytes left", (size_t)heap.used_bytes);
}

static void test_trees(const Row rows[ROWS], const GV_Table *table)
{
    static Printer p;
    for (uint64_t seed = 0; seed < 4000; seed++) {
        bool holds[ROWS];
        p.size = p.drawn = 0;
        p.seed = seed;
        put_space(&p, false);
        print_tree(&p, rows, (int)(seed % 6), 0, holds);
        put_space(&p, false);
        CHECK_OK(gv_filter_check(p.text));
        check_answer(p.text, &(GV_FilterText){.expression = p.text}, table, holds);
        for (size_t i = 0; i < ROWS; i++) holds[i] = holds[i] && rows[i].values[0] == 3;
        check_answer(p.text, &(GV_FilterText){"a", "7", p.text}, table, holds);
    }
}

/* ---- any bytes ---- */

/* Mutated filters and noise: an answer or an error, within the memory that was asked for. */
static void test_noise(const Row rows[ROWS], const GV_Table *table)
{
    static const char letters[] = "a1.e-\"'`\\()=!<>, \xC3\xA9\xFFNOTANDORINEXISTSCONTAINS";
    static Printer p;
    size_t taken = 0;
    for (uint64_t seed = 0; seed < 20000; seed++) {
        bool ignored[ROWS];
        GV_Heap heap = {0};
        GV_Expression *made;
        p.size = p.drawn = 0;
        p.seed = seed;
        if (seed % 4) print_tree(&p, rows, 2, 0, ignored);
        else
            for (uint64_t i = draw(&p, 40); i > 0; i--) put(&p, "a");
        char *text = calloc(1, p.size + 1); /* to the byte: what reads beyond is seen */
        CHECK(text, "no memory");
        if (p.size > 0) memcpy(text, p.text, p.size);
        for (uint64_t changes = p.size > 0 ? 1 + draw(&p, seed % 4 ? 3 : 40) : 0; changes > 0; changes--)
            text[draw(&p, p.size)] = letters[draw(&p, sizeof letters)];
        GV_Status checked = gv_filter_check(text);
        GV_Status status = gv_expression_new(&heap, &(GV_FilterText){.expression = text}, &made);
        CHECK(status == checked && (status == GV_OK || status == GV_ERR_BAD_FILTER), "seed %u: %s", (unsigned)seed,
              gv_last_error());
        if (status == GV_OK) {
            GV_Bitset matches = {0};
            GV_Terms terms;
            uint64_t count;
            CHECK(gv_terms_init(&terms, &heap, table) == 0, "no lock");
            CHECK_OK(gv_filter(&terms, &heap, made, &matches, &count));
            gv_terms_free(&terms);
            gv_bitset_free(&matches, &heap);
            taken++;
        }
        gv_expression_free(&heap, made);
        CHECK(heap.used_bytes == 0, "seed %u: %zu bytes left", (unsigned)seed, (size_t)heap.used_bytes);
        free(text);
    }
    CHECK(taken > 1000, "only %zu of them were filters", taken);
}

/* ---- rows that do not parse, as a file may have them ---- */

static void test_broken_rows(void)
{
    static const char *const pair[][2] = {{"key", "value"}, {"more", "x"}};
    const char *names[] = {pair[0][0], pair[1][0]}, *values[] = {pair[0][1], pair[1][1]};
    uint8_t *packed;
    size_t size;
    GV_Pair found;
    CHECK_OK(gv_metadata_pack(names, values, 2, &packed, &size));
    for (size_t cut = 0; cut <= size; cut++) {
        uint8_t *row = malloc(cut + 1);
        CHECK(row, "no memory");
        memcpy(row, packed, cut);
        uint8_t *exact = realloc(row, cut ? cut : 1);
        CHECK(exact, "no memory");
        GV_Metadata *list;
        CHECK((gv_metadata_list(exact, cut, &list) == GV_OK) == (cut == size), "cut at %zu of %zu: it parses", cut,
              size);
        gv_metadata_list_free(list);
        CHECK((gv_metadata_check(exact, cut, 0) == GV_OK) == (cut == size), "cut at %zu of %zu: it passes", cut, size);
        bool whole = gv_metadata_find(exact, cut, "more", 4, &found);
        CHECK(whole == (cut == size), "cut at %zu of %zu: a pair is %s", cut, size, whole ? "found" : "lost");
        free(exact);
    }
    gv_free(packed);
}

int main(void)
{
    static Row rows[ROWS];
    GV_Heap heap = {0};
    GV_Table table;
    test_errors();
    test_bounds();
    test_conditions();
    make_rows(rows, &table, &heap);
    test_trees(rows, &table);
    test_noise(rows, &table);
    gv_table_free(&table);
    for (size_t i = 0; i < ROWS; i++) gv_free(rows[i].packed);
    test_broken_rows();
    return 0;
}
