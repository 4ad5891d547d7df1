/* Which instructions this processor has, and this system lets us use. `__builtin_cpu_supports` asks a library that not every compiler has. */
#ifndef DIAGBUNDLE_PROCESSOR_H
#define DIAGBUNDLE_PROCESSOR_H

#ifdef __x86_64__
#include <cpuid.h>

#define CPU_BMI1 (1u << 3)
#define CPU_AVX2 (1u << 5)
#define CPU_BMI2 (1u << 8)
#define CPU_ALL (bit_POPCNT | bit_OSXSAVE | bit_AVX) /* what every processor with one of these has, and some virtual ones hide */

/* Whether it has all of these. */
static int processor_has(unsigned wanted)
{
    unsigned a, b, c, d, low, high;
    if (!__get_cpuid(1, &a, &b, &c, &d) || (c & CPU_ALL) != CPU_ALL)
        return 0;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0)); /* the system saves the wide registers of a process that is interrupted */
    return (low & 6) == 6 && __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b & wanted) == wanted;
}
#endif
#endif
