//! What the allocator does with memory that a training step gives back.

/// Tells glibc's allocator to keep freed memory for the next allocation instead of giving it back
/// to the system. A training step frees and takes some hundred megabytes; fresh memory costs a
/// page fault every 4 KiB, a tenth of a step. Applies to the whole process: it keeps up to a
/// gigabyte that is free at the end of its heap.
///
/// `kiln::device()` calls it when it takes the CPU. Elsewhere than on Linux with glibc it does
/// nothing.
pub fn keep_freed_memory() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    {
        const GIB: libc::c_int = 1 << 30;
        const MIB: libc::c_int = 1 << 20;
        for (parameter, value) in
            [(libc::M_MMAP_THRESHOLD, 32 * MIB), (libc::M_TRIM_THRESHOLD, GIB), (libc::M_TOP_PAD, 64 * MIB)]
        {
            // SAFETY: `mallopt` may be called at any time; a value that it refuses changes nothing.
            unsafe { libc::mallopt(parameter, value) };
        }
    }
}
