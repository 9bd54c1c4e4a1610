/* scenarios.h: the workloads that the power-cut test carries out. */
#ifndef GV_TEST_SCENARIOS_H
#define GV_TEST_SCENARIOS_H
#include "workload.h"

typedef struct Scenario {
    const char *name;
    GV_IndexType index_type;
    GV_Durability durability;
    const Step *steps;
    size_t count;
} Scenario;

extern const Scenario scenarios[];
extern const size_t scenario_count;

/* A workload of any calls in any order, and of any deaths; returns how many steps it is, the last of which is to close. */
size_t draw_steps(uint64_t seed, GV_Durability durability, Step *steps, size_t count);

#endif
