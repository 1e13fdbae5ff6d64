//! Replacements for the C library's functions that change files. They count themselves, and fail or end the process on
//! request. The standard library calls them, since a program's own symbols take precedence.

use std::ffi::{CString, c_char, c_int, c_uint, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use anyhow::Result;

/// What should fail, and when.
struct Plan {
    /// The absolute path, as the kernel names it.
    folder: CString,
    kill_at: Option<u64>,
    read_only_from: Option<u64>,
    disk: Option<u64>,
}

static PLAN: OnceLock<Plan> = OnceLock::new();
static GOES_ON: AtomicBool = AtomicBool::new(false);
static CHANGES: AtomicU64 = AtomicU64::new(0);

/// Counts the changes in `folder` from here on, and injects the requested faults.
pub(crate) fn begin(folder: &Path, kill_at: Option<u64>, read_only_from: Option<u64>, disk: Option<u64>) -> Result<()> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let folder = parent.canonicalize()?.join(folder.file_name().unwrap_or_default());
    let folder = CString::new(folder.as_os_str().as_bytes())?;
    PLAN.get_or_init(|| Plan { folder, kill_at, read_only_from, disk });
    GOES_ON.store(true, Ordering::SeqCst);
    Ok(())
}

/// Stops counting, and returns the number of changes.
pub(crate) fn end() -> u64 {
    GOES_ON.store(false, Ordering::SeqCst);
    CHANGES.load(Ordering::SeqCst)
}

fn plan() -> Option<&'static Plan> {
    PLAN.get().filter(|_| GOES_ON.load(Ordering::SeqCst))
}

/// Reports a system error in the way of the C library.
fn failed(number: c_int) -> c_int {
    // SAFETY: the C library gives the place of this thread's error number.
    unsafe { *libc::__errno_location() = number };
    -1
}

/// Whether a path is the folder or inside it.
///
/// # Safety
///
/// `path` is a string of C.
unsafe fn is_inside(plan: &Plan, path: *const c_char) -> bool {
    // SAFETY: the caller's promise.
    let path = unsafe { std::ffi::CStr::from_ptr(path) }.to_bytes();
    path.starts_with(plan.folder.as_bytes())
}

/// Counts a change of the folder. Returns `true` if it is to be refused, as by a file system that became read-only.
fn changes(plan: &Plan) -> bool {
    let change = CHANGES.fetch_add(1, Ordering::SeqCst) + 1;
    if plan.kill_at == Some(change) {
        // SAFETY: neither call takes a pointer.
        unsafe { libc::kill(libc::getpid(), libc::SIGKILL) };
        std::thread::park();
    }
    plan.read_only_from.is_some_and(|from| change >= from)
}

/// Whether a call with one or two paths is refused.
///
/// # Safety
///
/// `paths` are strings of C.
unsafe fn is_refused(paths: &[*const c_char]) -> bool {
    // SAFETY: the caller's promise.
    plan().is_some_and(|plan| paths.iter().any(|&path| unsafe { is_inside(plan, path) }) && changes(plan))
}

#[unsafe(no_mangle)]
extern "C" fn rename(from: *const c_char, to: *const c_char) -> c_int {
    // SAFETY: the standard library gives strings of C, here and below.
    unsafe {
        match is_refused(&[from, to]) {
            true => failed(libc::EROFS),
            false => libc::syscall(libc::SYS_renameat2, libc::AT_FDCWD, from, libc::AT_FDCWD, to, 0) as c_int,
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn unlink(path: *const c_char) -> c_int {
    // SAFETY: as in `rename`.
    unsafe {
        match is_refused(&[path]) {
            true => failed(libc::EROFS),
            false => libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, 0) as c_int,
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn mkdir(path: *const c_char, mode: libc::mode_t) -> c_int {
    // SAFETY: as in `rename`.
    unsafe {
        match is_refused(&[path]) {
            true => failed(libc::EROFS),
            false => libc::syscall(libc::SYS_mkdirat, libc::AT_FDCWD, path, c_uint::from(mode)) as c_int,
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn rmdir(path: *const c_char) -> c_int {
    // SAFETY: as in `rename`.
    unsafe {
        match is_refused(&[path]) {
            true => failed(libc::EROFS),
            false => libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, path, libc::AT_REMOVEDIR) as c_int,
        }
    }
}

/// `mode` is where a variadic call has its third argument.
#[unsafe(no_mangle)]
extern "C" fn open64(path: *const c_char, flags: c_int, mode: c_uint) -> c_int {
    let makes = flags & (libc::O_CREAT | libc::O_TRUNC) != 0;
    // SAFETY: as in `rename`.
    unsafe {
        match makes && is_refused(&[path]) {
            true => failed(libc::EROFS),
            false => libc::syscall(libc::SYS_openat, libc::AT_FDCWD, path, flags, mode) as c_int,
        }
    }
}

#[unsafe(no_mangle)]
extern "C" fn fsync(file: c_int) -> c_int {
    if let Some(plan) = plan().filter(|plan| size_in(plan, file).is_some()) {
        changes(plan);
    }
    // SAFETY: the call takes no pointer.
    unsafe { libc::syscall(libc::SYS_fsync, file) as c_int }
}

#[unsafe(no_mangle)]
extern "C" fn write(file: c_int, bytes: *const c_void, mut count: usize) -> isize {
    if let Some(plan) = plan().filter(|plan| size_in(plan, file).is_some()) {
        changes(plan);
        if let Some(disk) = plan.disk {
            let free = disk.saturating_sub(used(plan));
            if free == 0 && count > 0 {
                return failed(libc::ENOSPC) as isize;
            }
            count = count.min(usize::try_from(free).unwrap_or(usize::MAX));
        }
    }
    // SAFETY: as many bytes as the caller gave, or fewer.
    unsafe { libc::syscall(libc::SYS_write, file, bytes, count) as isize }
}

/// The length of an open file, if it is in the folder.
fn size_in(plan: &Plan, file: c_int) -> Option<u64> {
    let link = format!("/proc/self/fd/{file}");
    let path = std::fs::read_link(&link).ok()?;
    path.as_os_str()
        .as_bytes()
        .starts_with(plan.folder.as_bytes())
        .then(|| std::fs::metadata(&link).map_or(0, |m| m.len()))
}

/// The bytes of all files in the folder, as counted by a disk that holds nothing else.
fn used(plan: &Plan) -> u64 {
    let folder = Path::new(std::ffi::OsStr::from_bytes(plan.folder.as_bytes()));
    bytes_in(folder)
}

fn bytes_in(folder: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    let size = |entry: std::fs::DirEntry| match entry.metadata() {
        Ok(found) if found.is_dir() => bytes_in(&entry.path()),
        Ok(found) => found.len(),
        Err(_) => 0,
    };
    entries.flatten().map(size).sum()
}
