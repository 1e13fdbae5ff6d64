//! Settings of the allocator for memory that a training step frees.

/// Makes glibc's allocator keep freed memory for the next allocation instead of returning it to the system. A training
/// step allocates and frees some hundred megabytes, and fresh memory costs a page fault every 4 KiB, a tenth of a step.
/// Applies to the whole process, which keeps up to a gigabyte of free memory at the end of its heap.
///
/// `kiln::device()` calls it when it chooses the CPU. It does nothing except on Linux with glibc.
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
