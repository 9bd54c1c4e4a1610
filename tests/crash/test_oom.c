/* test_oom.c: without it a call that runs out of memory could crash, leak, or leave a row half in: each allocation that a
 * workload makes is made to fail in turn, once and from then on. */
#include "faults.h"

static void arm(Recorder *recorder, uint64_t number, bool on)
{
    (void)recorder;
    memory_fail_at = number ? memory_allocations + number : 0;
    memory_fail_on = on;
}

static uint64_t hits(const Recorder *recorder)
{
    (void)recorder;
    return memory_failed;
}

int main(void)
{
    static const Fault fault = {"allocation", GV_ERR_NO_MEMORY, false, arm, hits};
    faults_hook_memory();
    faults_sweep(&fault);
    return 0;
}
