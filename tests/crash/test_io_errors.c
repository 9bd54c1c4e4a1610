/* test_io_errors.c: without it a full disk or a failing one could lose or half-apply a write, or leak: each call of the file
 * system that a workload makes is made to fail in turn, once and from then on, a write after half of its bytes. */
#include "faults.h"

static void arm(Recorder *recorder, uint64_t number, bool on)
{
    recorder->fail_at = number ? recorder->calls + number : 0;
    recorder->fail_on = on;
}

static uint64_t hits(const Recorder *recorder) { return recorder->failed; }

int main(void)
{
    static const Fault fault = {"file system call", GV_ERR_IO, true, arm, hits};
    faults_hook_memory();
    faults_sweep(&fault);
    return 0;
}
