/* SPDX-License-Identifier: MIT */
/*
 * cpuinfo.c - what kind of processor this is.
 *
 * CPUID is read once, on the boot processor; all processors are taken to be
 * alike.  The names are those of Linux's /proc/cpuinfo, which programs parse.
 * A feature that exists but that this kernel does not let programs use is not
 * listed (fsgsbase, pku, la57).
 *
 * Sources: Intel SDM volume 2A, CPUID; AMD APM volume 3, appendix E; proc(5).
 */
#include <quire/printk.h>
#include <quire/string.h>

#include "port/x86_64/x86.h"

/* CPUID words, in the order in which Linux prints them. */
enum cpuid_word {
	W_1_D,
	W_80000001_D,
	W_1_C,
	W_80000001_C,
	W_D1_A,
	W_7_B,
	W_7_C,
	W_7_D,
	NR_CPUID_WORDS
};

static struct {
	struct x86_cpu_info info;
	u32 words[NR_CPUID_WORDS];
} me;

struct feature_name {
	u8 word, bit;
	const char *name;
};

static const struct feature_name feature_names[] = {
	{W_1_D, 0, "fpu"},
	{W_1_D, 1, "vme"},
	{W_1_D, 2, "de"},
	{W_1_D, 3, "pse"},
	{W_1_D, 4, "tsc"},
	{W_1_D, 5, "msr"},
	{W_1_D, 6, "pae"},
	{W_1_D, 7, "mce"},
	{W_1_D, 8, "cx8"},
	{W_1_D, 9, "apic"},
	{W_1_D, 11, "sep"},
	{W_1_D, 12, "mtrr"},
	{W_1_D, 13, "pge"},
	{W_1_D, 14, "mca"},
	{W_1_D, 15, "cmov"},
	{W_1_D, 16, "pat"},
	{W_1_D, 17, "pse36"},
	{W_1_D, 19, "clflush"},
	{W_1_D, 23, "mmx"},
	{W_1_D, 24, "fxsr"},
	{W_1_D, 25, "sse"},
	{W_1_D, 26, "sse2"},
	{W_1_D, 27, "ss"},
	{W_1_D, 28, "ht"},
	{W_80000001_D, 11, "syscall"},
	{W_80000001_D, 20, "nx"},
	{W_80000001_D, 22, "mmxext"},
	{W_80000001_D, 25, "fxsr_opt"},
	{W_80000001_D, 26, "pdpe1gb"},
	{W_80000001_D, 27, "rdtscp"},
	{W_80000001_D, 29, "lm"},
	{W_80000001_D, 30, "3dnowext"},
	{W_80000001_D, 31, "3dnow"},
	{W_1_C, 0, "pni"},
	{W_1_C, 1, "pclmulqdq"},
	{W_1_C, 3, "monitor"},
	{W_1_C, 9, "ssse3"},
	{W_1_C, 12, "fma"},
	{W_1_C, 13, "cx16"},
	{W_1_C, 19, "sse4_1"},
	{W_1_C, 20, "sse4_2"},
	{W_1_C, 22, "movbe"},
	{W_1_C, 23, "popcnt"},
	{W_1_C, 25, "aes"},
	{W_1_C, 26, "xsave"},
	{W_1_C, 28, "avx"},
	{W_1_C, 29, "f16c"},
	{W_1_C, 30, "rdrand"},
	{W_1_C, 31, "hypervisor"},
	{W_80000001_C, 0, "lahf_lm"},
	{W_80000001_C, 4, "cr8_legacy"},
	{W_80000001_C, 5, "abm"},
	{W_80000001_C, 6, "sse4a"},
	{W_80000001_C, 8, "3dnowprefetch"},
	{W_D1_A, 0, "xsaveopt"},
	{W_D1_A, 1, "xsavec"},
	{W_D1_A, 2, "xgetbv1"},
	{W_7_B, 3, "bmi1"},
	{W_7_B, 5, "avx2"},
	{W_7_B, 7, "smep"},
	{W_7_B, 8, "bmi2"},
	{W_7_B, 9, "erms"},
	{W_7_B, 14, "mpx"},
	{W_7_B, 16, "avx512f"},
	{W_7_B, 17, "avx512dq"},
	{W_7_B, 18, "rdseed"},
	{W_7_B, 19, "adx"},
	{W_7_B, 20, "smap"},
	{W_7_B, 23, "clflushopt"},
	{W_7_B, 24, "clwb"},
	{W_7_B, 28, "avx512cd"},
	{W_7_B, 29, "sha_ni"},
	{W_7_B, 30, "avx512bw"},
	{W_7_B, 31, "avx512vl"},
	{W_7_C, 2, "umip"},
	{W_7_C, 9, "vaes"},
	{W_7_C, 10, "vpclmulqdq"},
	{W_7_C, 22, "rdpid"},
	{W_7_D, 4, "fsrm"},
};

static const u8 feature_bits[NR_X86_FEATURES][2] = {
	[X86_FEATURE_NX] = {W_80000001_D, 20},
	[X86_FEATURE_PGE] = {W_1_D, 13},
	[X86_FEATURE_MCE] = {W_1_D, 7},
	[X86_FEATURE_GBPAGES] = {W_80000001_D, 26},
	[X86_FEATURE_SMEP] = {W_7_B, 7},
	[X86_FEATURE_SMAP] = {W_7_B, 20},
	[X86_FEATURE_UMIP] = {W_7_C, 2},
	[X86_FEATURE_FXSR] = {W_1_D, 24},
	[X86_FEATURE_XSAVE] = {W_1_C, 26},
	[X86_FEATURE_XSAVEOPT] = {W_D1_A, 0},
	[X86_FEATURE_RDRAND] = {W_1_C, 30},
	[X86_FEATURE_RDSEED] = {W_7_B, 18},
};

bool cpu_has(enum x86_feature feature)
{
	return me.words[feature_bits[feature][0]] >> feature_bits[feature][1] &
	       1;
}

const struct x86_cpu_info *x86_cpu_info(void)
{
	return &me.info;
}

size_t x86_cpu_flags(char *buf, size_t size)
{
	size_t len = 0;

	if (!size)
		return 0;
	buf[0] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(feature_names); i++) {
		const struct feature_name *f = &feature_names[i];

		if (me.words[f->word] >> f->bit & 1)
			len += (size_t)scnprintf(buf + len, size - len, "%s%s",
						 len ? " " : "", f->name);
	}
	return len;
}

static void read_names(u32 max_extended)
{
	struct x86_cpu_info *info = &me.info;
	struct cpuid_regs r = cpuid(0, 0);
	char *name = info->model_name;
	size_t skip = 0;

	info->cpuid_level = r.a;
	memcpy(info->vendor, &r.b, 4);
	memcpy(info->vendor + 4, &r.d, 4);
	memcpy(info->vendor + 8, &r.c, 4);
	if (max_extended < 0x80000004)
		return;
	for (u32 i = 0; i < 3; i++) {
		r = cpuid(0x80000002 + i, 0);
		memcpy(name + 16 * i, &r, 16);
	}
	while (name[skip] == ' ')
		skip++;
	memmove(name, name + skip, sizeof(info->model_name) - skip);
}

static void read_model(u32 signature)
{
	struct x86_cpu_info *info = &me.info;

	info->family = signature >> 8 & 15;
	info->model = signature >> 4 & 15;
	info->stepping = signature & 15;
	if (info->family >= 6)
		info->model |= (signature >> 16 & 15) << 4;
	if (info->family == 15)
		info->family += signature >> 20 & 255;
}

/* The last level's size: leaf 4 (Intel) or 0x80000006 (AMD). */
static void read_cache_size(u32 max_extended)
{
	for (u32 i = 0; me.info.cpuid_level >= 4 && i < 8; i++) {
		struct cpuid_regs r = cpuid(4, i);
		u64 size;

		if (!(r.a & 31))
			break;
		size = (u64)((r.b >> 22) + 1) * ((r.b >> 12 & 1023) + 1) *
		       ((r.b & 4095) + 1) * (r.c + 1ULL);
		me.info.cache_kib = (u32)(size / 1024);
	}
	if (!me.info.cache_kib && max_extended >= 0x80000006)
		me.info.cache_kib = cpuid(0x80000006, 0).c >> 16;
}

void cpuinfo_init(void)
{
	u32 max_extended = cpuid(0x80000000, 0).a;
	struct x86_cpu_info *info = &me.info;
	struct cpuid_regs r;

	read_names(max_extended);
	r = cpuid(1, 0);
	read_model(r.a);
	me.words[W_1_D] = r.d;
	me.words[W_1_C] = r.c;
	info->clflush_bytes = (r.b >> 8 & 255) * 8;
	info->hwcap = r.d;
	if (info->cpuid_level >= 7) {
		r = cpuid(7, 0);
		me.words[W_7_B] = r.b;
		me.words[W_7_C] = r.c;
		me.words[W_7_D] = r.d;
	}
	if (info->cpuid_level >= 0xd)
		me.words[W_D1_A] = cpuid(0xd, 1).a;
	r = cpuid(0x80000001, 0);
	me.words[W_80000001_D] = r.d;
	me.words[W_80000001_C] = r.c;
	info->phys_bits = 36;
	info->virt_bits = 48;
	if (max_extended >= 0x80000008) {
		r = cpuid(0x80000008, 0);
		info->phys_bits = r.a & 255;
		info->virt_bits = 48; /* we use four levels */
	}
	read_cache_size(max_extended);
}
