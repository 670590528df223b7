/*
 * A plugin for qemu that counts executed guest instructions: python -m benchmarks instructions compiles and uses it.
 *
 * Each call of getppid() in the guest writes the number of instructions that its thread has executed so far as a line
 * of the file that is given as `out=FILE`. The difference of two lines is what was executed between two calls.
 * Threads are counted apart, so a thread in the background changes nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <qemu-plugin.h>

enum { GETPPID_ARM64 = 173, GETPPID_X86_64 = 110, THREADS = 1024 };

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static uint64_t executed[THREADS];
static int64_t getppid_number; /* of the system call on the emulated processor */
static FILE *out;

static void count(unsigned int thread, void *instructions)
{
    if (thread < THREADS) {
        executed[thread] += (uintptr_t)instructions;
    }
}

/* A block is left only at its end, except by a fault, which the measured code has none of. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *block)
{
    uintptr_t instructions = qemu_plugin_tb_n_insns(block);

    qemu_plugin_register_vcpu_tb_exec_cb(block, count, QEMU_PLUGIN_CB_NO_REGS, (void *)instructions);
}

static void called(qemu_plugin_id_t id, unsigned int thread, int64_t number, uint64_t a1, uint64_t a2, uint64_t a3,
                   uint64_t a4, uint64_t a5, uint64_t a6, uint64_t a7, uint64_t a8)
{
    if (number == getppid_number && thread < THREADS) {
        fprintf(out, "%" PRIu64 "\n", executed[thread]);
        fflush(out);
    }
}

QEMU_PLUGIN_EXPORT int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
    getppid_number = strcmp(info->target_name, "x86_64") ? GETPPID_ARM64 : GETPPID_X86_64;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4)) {
            out = fopen(argv[i] + 4, "w");
        }
    }
    if (!out) {
        fputs("count: give out=FILE\n", stderr);
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    qemu_plugin_register_vcpu_syscall_cb(id, called);
    return 0;
}
