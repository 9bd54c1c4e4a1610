/* test_terms_rows.c: without it, metadata that no call would accept but a file may hold (a key twice, pairs cut short, values
 * made to collide) could hang a filter or make it answer otherwise than a look at each row; and so could more keys than are
 * indexed, or a value that was common and has become rare. */
#include "base/bytes.h"
#include "base/number.h"
#include "check.h"
#include "query/terms_parts.h"
#include <math.h>
#include <string.h>

static GV_Heap heap;
static GV_Table table;
static GV_Terms terms;

static void begin(void)
{
    gv_table_init(&table, &heap, 1, GV_STORAGE_F32);
    CHECK(gv_terms_init(&terms, &heap, &table) == 0, "no lock");
}

static void end(void)
{
    gv_terms_free(&terms);
    gv_table_free(&table);
    CHECK(heap.used_bytes == 0, "%zu bytes are left", (size_t)heap.used_bytes);
}

/* ---- rows ---- */

static uint8_t packed[1 << 12];
static size_t packed_size;

static void begin_row(void)
{
    gv_put_u32(packed, 0);
    packed_size = 4;
}

static void put_pair(const char *key, const char *value)
{
    uint32_t key_size = (uint32_t)strlen(key), value_size = (uint32_t)strlen(value);
    gv_put_u32(packed, gv_get_u32(packed) + 1);
    gv_put_u32(packed + packed_size, key_size);
    gv_put_u32(packed + packed_size + 4, value_size);
    memcpy(packed + packed_size + 8, key, key_size);
    memcpy(packed + packed_size + 8 + key_size, value, value_size);
    packed_size += 8 + key_size + value_size;
}

static uint32_t add_row(void)
{
    const float vector = 1.0f;
    uint8_t *metadata;
    uint32_t slot = gv_table_free_slot(&table, 0);
    CHECK_OK(gv_table_reserve(&table, slot + 1 > table.slot_count ? slot + 1 : table.slot_count, table.live_count + 1,
                              false, NULL));
    CHECK_OK(gv_table_metadata_new(&table, packed, packed_size, &metadata));
    uint64_t before = table.version;
    gv_table_stage(&table, slot, table.next_id++, &vector, 1.0f, metadata);
    gv_table_enter(&table, slot);
    gv_table_show(&table, slot);
    gv_terms_keep_up(&terms, before, &slot, 1);
    return slot;
}

static uint32_t add_pair(const char *key, const char *value)
{
    begin_row();
    put_pair(key, value);
    return add_row();
}

static void delete_row(uint32_t slot)
{
    uint64_t before = table.version;
    gv_table_hide(&table, slot);
    gv_terms_forget(&terms, slot);
    gv_table_drop(&table, slot);
    gv_table_release_slot(&table, slot);
    gv_terms_keep_up(&terms, before, NULL, 0);
}

/* ---- answers ---- */

static size_t asked;
static bool going; /* rows are hidden, which is between two steps of a call */

static bool says_yes(const void *context, const uint8_t *value, size_t size)
{
    (void)context, (void)value, (void)size;
    asked++;
    return true;
}

/* The index says what a look at each row says; how many rows that are. */
static uint64_t match(const GV_Lookup *c)
{
    GV_Bitset matches = {0};
    uint64_t count = 0;
    CHECK_OK(gv_bitset_reserve(&matches, &heap, table.slot_count, NULL));
    gv_terms_match(&terms, c, &matches);
    for (uint32_t slot = 0; slot < table.slot_count; slot++) {
        bool meets = gv_bitset_get(&table.live, slot) && gv_lookup_meets(c, &table, slot);
        CHECK(gv_bitset_get(&matches, slot) == meets, "kind %d, slot %u: a look says %d", c->kind, slot, meets);
        count += meets;
    }
    gv_bitset_free(&matches, &heap);
    if (!going) CHECK(gv_terms_check(&terms), "the index is off");
    return count;
}

static uint64_t match_equal(const char *key, const char *value)
{
    GV_Lookup c = {
        .kind = GV_LOOKUP_EQUALS, .key = key, .key_size = strlen(key), .value = value, .value_size = strlen(value)};
    bool more;
    uint64_t count = match(&c);
    CHECK(gv_terms_count(&terms, &c) >= count, "%s = %s: the count differs", key, value);
    CHECK((gv_terms_find_one(&terms, &c, &more) != GV_NO_SLOT) == (count > 0) && more == (count > 1),
          "%s = %s: one, or more?", key, value);
    return count;
}

static uint64_t match_kind(const char *key, GV_LookupKind kind)
{
    GV_Lookup c = {.kind = kind, .key = key, .key_size = strlen(key), .low = -INFINITY, .high = INFINITY};
    if (kind == GV_LOOKUP_HOLDS) c.holds = says_yes;
    return match(&c);
}

/* ---- the tests ---- */

/* The first pair of a key counts; where a row does not parse, it ends. */
static void test_hostile_rows(void)
{
    begin();
    begin_row();
    put_pair("k", "first");
    put_pair("k", "second");
    put_pair("k", "first");
    uint32_t twice = add_row();
    begin_row();
    put_pair("a", "1");
    put_pair("k", "lost");
    gv_put_u32(packed + 4 + 8 + 2 + 4, 1u << 31); /* the value's size */
    uint32_t cut = add_row();
    begin_row();
    put_pair("k", "first");
    gv_put_u32(packed, UINT32_MAX);
    uint32_t many = add_row();
    for (int round = 0; round < 2; round++) {
        CHECK(match_equal("k", "first") == 2, "a key that is there twice");
        CHECK(match_equal("k", "second") == 0, "the second of two");
        CHECK(match_equal("k", "lost") == 0 && match_equal("a", "1") == 1, "a row that is cut short");
        CHECK(match_kind("k", GV_LOOKUP_EXISTS) == 2, "rows with the key");
    }
    delete_row(twice);
    CHECK(match_equal("k", "first") == 1, "one of two is gone");
    delete_row(cut);
    delete_row(many);
    CHECK(match_kind("k", GV_LOOKUP_EXISTS) == 0 && match_kind("a", GV_LOOKUP_NUMBERS) == 0, "all are gone");
    end();
}

/* Values that all come to one chain: a bounded number is indexed, and the others are found. */
static void test_collisions(void)
{
    enum {
        VALUES = 300
    };
    char value[24];
    uint32_t slots[VALUES];
    begin();
    CHECK(match_equal("k", "none") == 0, "nothing is there");
    for (size_t i = 0, tried = 0; i < VALUES; tried++) {
        snprintf(value, sizeof value, "%zu", tried);
        if (gv_terms_hash(value, strlen(value)) % 1024) continue;
        slots[i++] = add_pair("k", value);
    }
    const GV_Column *c = gv_terms_column(&terms, "k", 1);
    CHECK(c && c->rows == GV_CHAIN_MOST && c->left_out, "%d rows are in, not all", c ? (int)c->rows : 0);
    CHECK(match_equal("k", value) == 1 && match_kind("k", GV_LOOKUP_NUMBERS) == VALUES, "all are found");
    for (size_t i = 0; i < VALUES; i += 2) delete_row(slots[i]);
    CHECK(match_kind("k", GV_LOOKUP_EXISTS) == VALUES / 2, "half are found");
    for (size_t i = 1; i < VALUES; i += 2) delete_row(slots[i]);
    CHECK(match_kind("k", GV_LOOKUP_EXISTS) == 0, "none is left");
    end();
}

static void test_many_keys(void)
{
    char key[24];
    begin();
    for (int i = 0; i < 2 * GV_COLUMNS_MOST; i++) { /* keys that no row has do not keep others out */
        snprintf(key, sizeof key, "empty-%d", i);
        CHECK(match_equal(key, "x") == 0, "%s is there", key);
    }
    for (int i = 0; i < 2 * GV_COLUMNS_MOST; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        (void)add_pair(key, "x");
        (void)add_pair(key, "y");
        CHECK(match_equal(key, "x") == 1 && match_kind(key, GV_LOOKUP_EXISTS) == 2, "%s is not found", key);
    }
    CHECK(terms.column_count == GV_COLUMNS_MOST, "%d keys are indexed", (int)terms.column_count);
    CHECK(match_equal("key-3", "y") == 1 && match_equal("key-100", "y") == 1, "a key is not found");
    delete_row(0);
    delete_row(1);
    CHECK(match_equal("key-100", "y") == 1 && gv_terms_column(&terms, "key-100", 7), "a key takes the place of one");
    end();
}

/* A value goes from one row to many and back: all the forms of its posting, up and down. */
static void test_forms(void)
{
    enum {
        ROWS = 20000
    };
    begin();
    CHECK(match_equal("k", "a") == 0, "nothing is there");
    for (int i = 0; i < ROWS; i++) (void)add_pair("k", i % 10 ? "a" : "b");
    CHECK(match_equal("k", "a") == ROWS - ROWS / 10, "common");
    asked = 0;
    CHECK(match_kind("k", GV_LOOKUP_HOLDS) == ROWS && asked == ROWS + 2, "%zu values were asked about",
          asked - ROWS); /* one by one, and by the index */
    for (uint32_t slot = 1; slot < ROWS; slot++)
        if (slot % 10 && slot % 200 != 1) delete_row(slot);
    CHECK(match_equal("k", "a") == ROWS / 200, "rare");
    size_t before = heap.used_bytes;
    (void)add_pair("k", "a");
    CHECK(heap.used_bytes + 1500 < before, "%zu bytes, %zu before: still a bit a slot", (size_t)heap.used_bytes,
          before);
    CHECK(match_equal("k", "a") == ROWS / 200 + 1, "rare, in a list");
    for (uint32_t slot = 1; slot < ROWS; slot++)
        if (slot % 200 == 1) delete_row(slot);
    CHECK(match_equal("k", "a") == 1, "one");
    (void)add_pair("k", "a");
    CHECK(match_equal("k", "a") == 2 && match_equal("k", "b") == ROWS / 10, "two");
    end();
}

/* Rows that are hidden and not yet gone are not found, in any form; and the row by which a common value is known may go. */
static void test_going(void)
{
    enum {
        ROWS = 4000
    };
    begin();
    CHECK(match_equal("k", "a") == 0, "nothing is there");
    for (int i = 0; i < ROWS; i++) (void)add_pair("k", i % 400 == 7 ? "b" : i == 3 ? "c" : "a");
    static const uint32_t slots[] = {3, 7, 407, 1, 64, ROWS - 1};
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) gv_table_hide(&table, slots[i]);
    going = true;
    CHECK(match_kind("k", GV_LOOKUP_HOLDS) == ROWS - 6, "hidden rows are found");
    going = false;
    for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
        gv_table_show(&table, slots[i]);
        delete_row(slots[i]);
    }
    CHECK(match_equal("k", "a") == ROWS - 11 - 3 && match_equal("k", "b") == 8 && match_equal("k", "c") == 0,
          "the rest");
    for (uint32_t slot = 0; slot < 100; slot++)
        if (gv_bitset_get(&table.live, slot)) delete_row(slot);
    for (int i = 0; i < 50; i++) (void)add_pair("k", "a"); /* in slots before all others */
    for (uint32_t slot = 100; slot < ROWS; slot++)
        if (gv_bitset_get(&table.live, slot)) delete_row(slot);
    CHECK(match_equal("k", "a") == 50, "those that came last");
    end();
}

/* Numbers that go give their memory back. */
static void test_few_numbers(void)
{
    enum {
        ROWS = 8000
    };
    char value[24];
    begin();
    CHECK(match_equal("k", "a") == 0, "nothing is there");
    for (int i = 0; i < ROWS; i++) {
        snprintf(value, sizeof value, "%d.5", i * 7919 % ROWS);
        (void)add_pair("k", value);
    }
    const GV_Column *c = gv_terms_column(&terms, "k", 1);
    CHECK(match_kind("k", GV_LOOKUP_NUMBERS) == ROWS && c->numbers.count >= ROWS / 256, "all are numbers");
    uint32_t leaves = c->numbers.count;
    for (uint32_t slot = 0; slot < ROWS; slot++)
        if (slot % 32) delete_row(slot);
    CHECK(match_kind("k", GV_LOOKUP_NUMBERS) == ROWS / 32, "one in 32 is left");
    CHECK(c->numbers.count < leaves / 4, "%u leaves of %u are left", c->numbers.count, leaves);
    end();
}

/* Many rows are looked at some times before they are indexed, and the answers are the same; so are rows that come then. */
static void test_many_rows(void)
{
    enum {
        ROWS = 33000
    };
    begin();
    for (int i = 0; i < ROWS; i++) (void)add_pair("k", i % 3 ? "a" : "b");
    for (uint64_t round = 0; round < 20; round++) {
        GV_Lookup c = {.kind = GV_LOOKUP_EQUALS, .key = "k", .key_size = 1, .value = "a", .value_size = 1};
        CHECK(match_equal("k", "a") == ROWS / 3 * 2 + round, "round %d", (int)round);
        (void)add_pair("k", "a");
        uint64_t count = gv_terms_count(&terms, &c);
        bool indexed = gv_terms_column(&terms, "k", 1)->version != GV_NOT_INDEXED;
        CHECK(indexed == (round >= 7), "round %d: indexed: %d", (int)round, indexed); /* it asks four times a round */
        CHECK(count == (indexed ? ROWS / 3 * 2 + round + 1 : table.live_count), "round %d: the count", (int)round);
    }
    end();
}

/* Indexed in steps, with answers and changes in between. */
static void test_steps(void)
{
    enum {
        ROWS = 33000,
        STEP = 5000
    };
    begin();
    for (int i = 0; i < ROWS; i++) (void)add_pair("k", i % 3 ? "a" : "b");
    for (int i = 1; i < 15; i++) CHECK(gv_terms_catch_up(&terms, "k", 1, STEP), "call %d: there is nothing to do", i);
    uint64_t gone = 0;
    for (int i = 0; i < ROWS / STEP; i++) {
        CHECK(!gv_terms_catch_up(&terms, "k", 1, STEP), "step %d: all is done", i);
        if (i % 3 == 2) CHECK(match_kind("k", GV_LOOKUP_EXISTS) == ROWS - gone, "step %d: all are found", i);
        if (i % 3 != 1) continue;
        delete_row(1);
        delete_row(ROWS - 1 - (uint32_t)i);
        gone++;
        (void)add_pair("k", "c");
    }
    while (!gv_terms_catch_up(&terms, "k", 1, STEP)) {
    }
    CHECK(gv_terms_column(&terms, "k", 1)->version == table.version, "not all is in");
    CHECK(match_equal("k", "c") == 1 && match_kind("k", GV_LOOKUP_EXISTS) == ROWS - gone, "all are found");
    end();
}

static void check_number(const char *text, bool numeric, double value)
{
    double number = 0.0;
    CHECK(gv_number_read((const uint8_t *)text, strlen(text), &number) == numeric, "'%s': numeric: %d", text, !numeric);
    CHECK(!numeric || number == value, "'%s' is %g", text, number);
}

static void test_numbers(void)
{
    static const double ascending[] = {-INFINITY, -1e300, -3e38,      -2.5, -1e-300, 0.0,
                                       1e-300,    0.5,    16777216.0, 1e39, INFINITY};
    static const char *const texts[] = {"",   "-",  ".5",  "5.",    "1e",  "1e+", "+1",
                                        " 1", "1 ", "0x1", "1e999", "nan", "inf", "1,5"};
    check_number("0", true, 0.0);
    check_number("-12.5", true, -12.5);
    check_number("1e3", true, 1000.0);
    check_number("25E-2", true, 0.25);
    check_number("00012", true, 12.0);
    check_number("1e-999", true, 0.0);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) check_number(texts[i], false, 0.0);
    char text[66];
    memset(text, '0', sizeof text);
    text[65] = 0;
    check_number(text, false, 0.0);
    check_number(text + 1, true, 0.0);
    for (size_t i = 1; i < sizeof ascending / sizeof *ascending; i++)
        CHECK(gv_number_key(ascending[i - 1]) <= gv_number_key(ascending[i]), "keys do not ascend at %d", (int)i);
    CHECK(gv_number_key(-0.0) == gv_number_key(0.0), "the key of -0");
}

int main(void)
{
    test_hostile_rows();
    test_collisions();
    test_many_keys();
    test_forms();
    test_going();
    test_few_numbers();
    test_many_rows();
    test_steps();
    test_numbers();
    printf("hostile rows, collisions, keys, forms and numbers\n");
    return 0;
}
