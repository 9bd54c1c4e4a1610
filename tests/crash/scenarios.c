/* scenarios.c: see scenarios.h. */
#include "scenarios.h"
#include "base/random.h"

static const Step commit_steps[] = {
    {STEP_OPEN, 1, 0},    {STEP_ADD, 1, 0},          {STEP_KEYS, 2, 0},        {STEP_ADD, 1, 30},
    {STEP_ADD, 9, 20},    {STEP_UPDATE, 0, 0},       {STEP_PAIRS, 0, 10},      {STEP_DELETE, 1, 0},
    {STEP_ADD, 8, 0},     {STEP_TRAIN, 0, 0},        {STEP_FLUSH, 0, 0},       {STEP_SAVE, 0, 0},
    {STEP_ADD, 1, 0},     {STEP_DELETE, 2, 0},       {STEP_COPY, 0, 0},        {STEP_UPDATE, 0, 0},
    {STEP_ADD, 2, 900},   {STEP_COPY, 0, 0},         {STEP_CLOSE, 0, 0},       {STEP_OPEN, 0, 0},
    {STEP_ADD, 4, 0},     {STEP_PAIRS, 0, 0},        {STEP_UPDATE, 0, 0},      {STEP_CLOSE, 0, 0},
    {STEP_OPEN, 0, 0},    {STEP_ADD, 1, 0},          {STEP_DELETE, 3, 0},      {STEP_CLOSE, 0, 0},
    {STEP_OPEN, 0, 0},    {STEP_ADD, 3, 0},          {STEP_KILL, 0, 0},        {STEP_OPEN, 0, 0},
    {STEP_UPSERT, 1, 0},  {STEP_UPSERT, 9, 7},       {STEP_KILL, 0, 0},        {STEP_OPEN, 0, 0},
    {STEP_UPSERT, 30, 0}, {STEP_UPDATE, 0, 0},       {STEP_UPSERT, 4, 0},      {STEP_KILL, 0, 0},
    {STEP_OPEN, 1, 0},    {STEP_UPDATE, 0, 0},       {STEP_KILL_IN_ADD, 6, 1}, {STEP_OPEN, 1, 0},
    {STEP_ADD, 1, 0},     {STEP_KILL_IN_ADD, 40, 2}, {STEP_OPEN, 1, 0},        {STEP_KILL_IN_SAVE, 0, 5},
    {STEP_OPEN, 1, 0},    {STEP_DELETE, 3, 0},       {STEP_SAVE, 0, 0},        {STEP_SAVE, 0, 0},
    {STEP_UPDATE, 0, 0},  {STEP_CLOSE, 0, 0},        {STEP_OPEN, 1, 0},        {STEP_DELETE, 12, 0},
    {STEP_COMPACT, 0, 0}, {STEP_UPDATE, 0, 0},       {STEP_UPSERT, 6, 0},      {STEP_KILL, 0, 0},
    {STEP_OPEN, 0, 0},    {STEP_COMPACT, 0, 0},      {STEP_COMPACT, 0, 0},     {STEP_ADD, 2, 0},
    {STEP_CLOSE, 0, 0},
};

static const Step os_steps[] = {
    {STEP_OPEN, 0, 0},        {STEP_ADD, 1, 0},    {STEP_ADD, 3, 40},        {STEP_KEYS, 1, 0},   {STEP_ADD, 6, 0},
    {STEP_TRAIN, 0, 0},       {STEP_DELETE, 1, 0}, {STEP_PAIRS, 0, 5},       {STEP_FLUSH, 0, 0},  {STEP_ADD, 2, 0},
    {STEP_PAIRS, 0, 10},      {STEP_SAVE, 0, 0},   {STEP_ADD, 9, 0},         {STEP_ADD, 1, 700},  {STEP_COPY, 0, 0},
    {STEP_DELETE, 1, 0},      {STEP_FLUSH, 0, 0},  {STEP_DELETE, 1, 0},      {STEP_DELETE, 1, 0}, {STEP_DELETE, 1, 0},
    {STEP_LOSS, 0, 0},        {STEP_OPEN, 0, 0},   {STEP_DELETE, 1, 0},      {STEP_ADD, 4, 0},    {STEP_FLUSH, 0, 0},
    {STEP_UPDATE, 0, 0},      {STEP_UPDATE, 0, 0}, {STEP_UPDATE, 0, 0},      {STEP_LOSS, 0, 0},   {STEP_OPEN, 0, 0},
    {STEP_UPDATE, 0, 0},      {STEP_ADD, 1, 0},    {STEP_CLOSE, 0, 0},       {STEP_OPEN, 0, 0},   {STEP_ADD, 2, 0},
    {STEP_PAIRS, 0, 3},       {STEP_KILL, 0, 0},   {STEP_OPEN, 0, 0},        {STEP_ADD, 1, 0},    {STEP_DELETE, 2, 0},
    {STEP_KILL_IN_ADD, 4, 1}, {STEP_OPEN, 0, 0},   {STEP_ADD, 20, 0},        {STEP_ADD, 1, 0},    {STEP_SAVE, 0, 0},
    {STEP_UPDATE, 0, 0},      {STEP_DELETE, 2, 0}, {STEP_COMPACT, 0, 0},     {STEP_ADD, 3, 0},    {STEP_LOSS, 0, 0},
    {STEP_OPEN, 0, 0},        {STEP_DELETE, 9, 0}, {STEP_KILL_IN_ADD, 2, 2}, {STEP_OPEN, 1, 0},   {STEP_ADD, 2, 0},
    {STEP_COPY, 0, 0},        {STEP_CLOSE, 0, 0},
};

/* What waits in the buffer is lost with the process too. */
static const Step none_steps[] = {
    {STEP_OPEN, 0, 0},   {STEP_ADD, 4, 0},  {STEP_UPDATE, 0, 0}, {STEP_FLUSH, 0, 0}, {STEP_ADD, 5, 0},
    {STEP_DELETE, 2, 0}, {STEP_LOSS, 0, 0}, {STEP_OPEN, 0, 0},   {STEP_ADD, 1, 0},   {STEP_PAIRS, 0, 4},
    {STEP_FLUSH, 0, 0},  {STEP_ADD, 2, 0},  {STEP_UPDATE, 0, 0}, {STEP_CLOSE, 0, 0}, {STEP_OPEN, 1, 0},
    {STEP_ADD, 9, 0},    {STEP_COPY, 0, 0}, {STEP_DELETE, 4, 0}, {STEP_SAVE, 0, 0},  {STEP_ADD, 1, 0},
    {STEP_LOSS, 0, 0},   {STEP_OPEN, 1, 0}, {STEP_ADD, 2, 0},    {STEP_CLOSE, 0, 0},
};

/* Groups of more than one frame. */
static const Step large_steps[] = {
    {STEP_OPEN, 1, 0},     {STEP_ADD, 2, 0},  {STEP_ADD, 3, 150000},   {STEP_ADD, 1, 0},         {STEP_DELETE, 2, 0},
    {STEP_ADD, 3, 150000}, {STEP_SAVE, 0, 0}, {STEP_PAIRS, 0, 100000}, {STEP_UPSERT, 5, 150000}, {STEP_CLOSE, 0, 0},
};

#define STEPS(array) array, sizeof array / sizeof *array
const Scenario scenarios[] = {
    {"flat, commit", GV_INDEX_TYPE_FLAT, GV_DURABILITY_COMMIT, STEPS(commit_steps)},
    {"hnsw, commit", GV_INDEX_TYPE_HNSW, GV_DURABILITY_COMMIT, STEPS(commit_steps)},
    {"ivfpq, commit", GV_INDEX_TYPE_IVFPQ, GV_DURABILITY_COMMIT, STEPS(commit_steps)},
    {"ivfpq, os", GV_INDEX_TYPE_IVFPQ, GV_DURABILITY_OS, STEPS(os_steps)},
    {"ivfpq dropped, commit", (GV_IndexType)WORKLOAD_DROPPED, GV_DURABILITY_COMMIT, STEPS(commit_steps)},
    {"ivfpq dropped, os", (GV_IndexType)WORKLOAD_DROPPED, GV_DURABILITY_OS, STEPS(os_steps)},
    {"sparse, commit", GV_INDEX_TYPE_SPARSE, GV_DURABILITY_COMMIT, STEPS(commit_steps)},
    {"flat, os", GV_INDEX_TYPE_FLAT, GV_DURABILITY_OS, STEPS(os_steps)},
    {"hnsw, os", GV_INDEX_TYPE_HNSW, GV_DURABILITY_OS, STEPS(os_steps)},
    {"hnsw, none", GV_INDEX_TYPE_HNSW, GV_DURABILITY_NONE, STEPS(none_steps)},
    {"large groups, commit", GV_INDEX_TYPE_HNSW, GV_DURABILITY_COMMIT, STEPS(large_steps)},
};

const size_t scenario_count = sizeof scenarios / sizeof *scenarios;

size_t draw_steps(uint64_t seed, GV_Durability durability, Step *steps, size_t count)
{
    bool is_open = false;
    for (size_t i = 0; i < count; i++) {
        uint64_t draw = gv_random(seed, i);
        uint32_t chance = (uint32_t)draw % 100, size = (uint32_t)(draw >> 32) % 8 + 1,
                 write = (uint32_t)(draw >> 40) % 4;
        bool may_kill = durability != GV_DURABILITY_NONE; /* what waits in the buffer would be lost */
        if (!is_open) steps[i] = (Step){STEP_OPEN, size % 2, 0};
        else if (i + 1 == count) steps[i] = (Step){STEP_CLOSE, 0, 0};
        else if (chance < 35) steps[i] = (Step){STEP_ADD, size, size % 2 ? 0 : 10 * size};
        else if (chance < 48) steps[i] = (Step){STEP_UPDATE, 0, 0};
        else if (chance < 53) steps[i] = (Step){STEP_PAIRS, 0, size};
        else if (chance < 54) steps[i] = (Step){STEP_KEYS, size % 3, 0};
        else if (chance < 59) steps[i] = (Step){STEP_UPSERT, 2 * size, size % 2 ? 0 : size};
        else if (chance < 70) steps[i] = (Step){STEP_DELETE, 2 * size, 0};
        else if (chance < 75) steps[i] = (Step){STEP_FLUSH, 0, 0};
        else if (chance < 78) steps[i] = (Step){STEP_SAVE, 0, 0};
        else if (chance < 80) steps[i] = (Step){STEP_COMPACT, 0, 0};
        else if (chance < 82) steps[i] = (Step){STEP_COPY, 0, 0};
        else if (chance < 86) steps[i] = (Step){STEP_LOSS, 0, 0};
        else if (chance < 93 && may_kill)
            steps[i] = (Step){chance % 2 ? STEP_KILL_IN_ADD : STEP_KILL_IN_SAVE, size,
                              1 + write * (chance % 2 ? 1 : 3)};
        else if (chance < 95 && may_kill) steps[i] = (Step){STEP_KILL, 0, 0};
        else steps[i] = (Step){STEP_CLOSE, 0, 0};
        is_open = steps[i].kind != STEP_CLOSE && steps[i].kind < STEP_KILL;
    }
    return is_open ? count - 1 : count; /* a last open is not needed */
}
