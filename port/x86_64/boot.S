/* SPDX-License-Identifier: MIT */
/*
 * boot.S - from what the loader or a start-up interrupt left to long mode.
 *
 * 1. Boot processor.  The loader finds the PVH note and enters in 32-bit
 *    protected mode, flat segments, paging off, interrupts off, with EBX
 *    pointing to struct hvm_start_info.
 *
 *	pvh_entry (32 bit) -> paging, long mode -> x86_start() on boot_stack
 *
 * 2. Further processors start in real mode at TRAMPOLINE_PA, where smp.c put
 *    a copy of x86_trampoline.
 *
 *	real mode -> protected mode -> long mode -> x86_secondary_start()
 *
 * 3. The boot page tables below map the first GiB twice, at 0 and at
 *    KERNEL_IMAGE_BASE, writable and executable.  They serve until
 *    pagetable.c has built the real ones, and for each further processor's
 *    first steps; nothing else ever runs on them.
 *
 * Sources: Xen's docs/misc/pvh.pandoc; Intel SDM volume 3A, 9.8 and 9.9.
 */
#include "port/x86_64/asm_offsets.h"

#define PA(symbol)	((symbol) - KERNEL_IMAGE_BASE)

#define CR0_BOOT	0x80050033	/* PG AM WP NE ET MP PE */
#define CR4_BOOT	0x000006a0	/* OSXMMEXCPT OSFXSR PGE PAE */
#define MSR_EFER	0xc0000080
#define EFER_BOOT	0x00000901	/* NXE LME SCE */

	.section .note.Xen, "a", @note
	.align	4
	.long	4, 4, 18		/* sizes of name and value; type */
	.asciz	"Xen"
	.long	PA(pvh_entry)

	.section .text.boot, "ax"
	.code32
	.globl	pvh_entry, pvh_entry_pa
	.set	pvh_entry_pa, PA(pvh_entry)
pvh_entry:
	cli
	cld
	movl	%ebx, %esi
	xorl	%eax, %eax
	movl	$PA(__bss_start), %edi
	movl	$PA(__bss_end), %ecx
	subl	%edi, %ecx
	shrl	$2, %ecx
	rep stosl
	lgdtl	PA(boot_gdt_descriptor)
	movl	$CR4_BOOT, %eax
	movl	%eax, %cr4
	movl	$PA(boot_pml4), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	movl	$EFER_BOOT, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$CR0_BOOT, %eax
	movl	%eax, %cr0
	ljmpl	$KERNEL_CS, $PA(1f)

	.code64
1:	movq	$2f, %rax
	jmp	*%rax
2:	movl	$KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	movq	$x86_boot_stack + X86_BOOT_STACK_SIZE, %rsp
	xorl	%ebp, %ebp
	movl	%esi, %edi		/* physical address of the start info */
	call	x86_start
3:	hlt
	jmp	3b

/* ---- further processors ---- */

#define TRAMP(label)	(TRAMPOLINE_PA + (label) - x86_trampoline)

	.globl	x86_trampoline, x86_trampoline_end
	.code16
	.align	16
x86_trampoline:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	tramp_gdt_descriptor - x86_trampoline
	movl	$0x11, %eax		/* ET PE */
	movl	%eax, %cr0
	ljmpl	$KERNEL32_CS, $TRAMP(tramp32)
	.code32
tramp32:
	movl	$KERNEL_DS, %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	$CR4_BOOT, %eax
	movl	%eax, %cr4
	movl	$PA(boot_pml4), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	movl	$EFER_BOOT, %eax
	xorl	%edx, %edx
	wrmsr
	movl	$CR0_BOOT, %eax
	movl	%eax, %cr0
	ljmpl	$KERNEL_CS, $TRAMP(tramp64)
	.code64
tramp64:
	movq	$secondary_entry, %rax
	jmp	*%rax
	.align	8
tramp_gdt_descriptor:
	.word	boot_gdt_end - boot_gdt - 1
	.long	PA(boot_gdt)
x86_trampoline_end:

secondary_entry:
	movq	x86_secondary_boot(%rip), %rax	/* cr3 */
	movq	%rax, %cr3
	movq	x86_secondary_boot+8(%rip), %rsp
	movq	x86_secondary_boot+16(%rip), %rdi /* struct x86_cpu * */
	xorl	%eax, %eax
	movl	%eax, %fs
	movl	%eax, %gs
	xorl	%ebp, %ebp
	call	x86_secondary_start
4:	hlt
	jmp	4b

/* ---- data ---- */

	.section .rodata
	.align	8
boot_gdt:
	.quad	0
	.quad	0x00cf9b000000ffff	/* KERNEL32_CS */
	.quad	0x00af9b000000ffff	/* KERNEL_CS */
	.quad	0x00cf93000000ffff	/* KERNEL_DS */
boot_gdt_end:
boot_gdt_descriptor:
	.word	boot_gdt_end - boot_gdt - 1
	.long	PA(boot_gdt)

	.section .data.page_aligned, "aw"
	.align	4096
boot_pml4:
	.quad	PA(boot_pdpt_low) + 0x003
	.fill	510, 8, 0
	.quad	PA(boot_pdpt_high) + 0x003
boot_pdpt_low:
	.quad	PA(boot_pd) + 0x003
	.fill	511, 8, 0
boot_pdpt_high:
	.fill	510, 8, 0
	.quad	PA(boot_pd) + 0x003
	.quad	0
boot_pd:
	.set	pa_2m, 0
	.rept	512
	.quad	pa_2m + 0x083
	.set	pa_2m, pa_2m + 0x200000
	.endr

	.section .bss.page_aligned, "aw", @nobits
	.align	4096
	.globl	x86_boot_guard, x86_boot_stack
x86_boot_guard:				/* not mapped: see pagetable.c */
	.skip	4096
x86_boot_stack:
	.skip	X86_BOOT_STACK_SIZE

	.section .note.GNU-stack, "", @progbits
