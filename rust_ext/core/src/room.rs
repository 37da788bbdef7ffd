//! Asking whether memory will be granted before taking it: a refused allocation would end the process.

use std::path::Path;

use crate::{Error, Result};

/// Whether the system grants so many bytes now. Another thread may take them first: what is foreseen is a limit on
/// the address space or on overcommitment, not the last byte.
pub fn can_allocate(n_bytes: usize) -> bool {
    let mut probe: Vec<u8> = Vec::new();
    let granted = probe.try_reserve_exact(n_bytes).is_ok();
    // Looked at, so that the pair of allocation and release is not optimised away.
    std::hint::black_box(&mut probe);
    granted
}

/// The error for memory that counting is not granted.
pub fn out_of_memory(n_bytes: usize) -> Error {
    Error::TooLarge {
        message: format!(
            "out of memory: the system refuses another {} MB for counting; give a memory budget (memory, --memory), \
             fewer threads, or a higher limit",
            n_bytes.div_ceil(1_000_000)
        ),
    }
}

/// Makes a refusal an error, for what counting takes.
///
/// # Errors
/// [`Error::TooLarge`] for memory that is not granted.
pub fn require(n_bytes: usize) -> Result<()> {
    if can_allocate(n_bytes) {
        Ok(())
    } else {
        Err(out_of_memory(n_bytes))
    }
}

/// Makes a refusal an error, for what training takes. Memory that the system grants but does not have ends the process
/// when it is used, so what is certainly more than the machine or the control group has left counts as refused.
///
/// # Errors
/// [`Error::TooLarge`] for memory that is not granted.
pub fn require_for_training(n_bytes: usize, what: &str) -> Result<()> {
    let left = if n_bytes < LARGE {
        None
    } else {
        left(Path::new("/"))
    };
    if left.is_none_or(|left| n_bytes as u64 <= left) && can_allocate(n_bytes) {
        return Ok(());
    }
    let megabytes = n_bytes.div_ceil(1_000_000);
    let reason = match left {
        Some(left) if (left as u128) < n_bytes as u128 => format!(", and {} MB are left", left / 1_000_000),
        _ => ", which the system refuses (a limit on address space?)".into(),
    };
    Err(Error::TooLarge {
        message: format!(
            "out of memory: {what} take {megabytes} MB{reason}; leave rare pretokens out (min_pretoken_count), \
             use a pre-tokenizer that cuts more often, or a higher limit or larger machine"
        ),
    })
}

/// Below this many bytes nobody is asked what is left.
const LARGE: usize = 16 << 20;

/// The bytes that the machine can still give, or the control groups of this process where that is less; none where
/// nothing says so.
fn left(root: &Path) -> Option<u64> {
    let file = |name: &str| std::fs::read_to_string(root.join(name)).unwrap_or_default();
    let machine = file("proc/meminfo");
    let field = |name: &str| {
        let line = machine.lines().find_map(|line| line.strip_prefix(name))?;
        Some(1024 * line.trim().strip_suffix(" kB")?.parse::<u64>().ok()?)
    };
    let free = field("MemAvailable:").map(|bytes| bytes + field("SwapFree:").unwrap_or(0));
    let held = file("proc/self/statm");
    let held = held.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    // Pages of 4 KiB; where they are larger, more is taken to be left than is.
    let held = held.unwrap_or(0) * 4096;
    let groups = file("proc/self/cgroup");
    let limits = groups.lines().flat_map(|line| {
        let (mount, name, path) = match line.splitn(3, ':').collect::<Vec<_>>()[..] {
            [_, "", path] => ("sys/fs/cgroup", "memory.max", path),
            [_, controllers, path] if controllers.split(',').any(|one| one == "memory") => {
                ("sys/fs/cgroup/memory", "memory.limit_in_bytes", path)
            }
            _ => return Vec::new(),
        };
        // The tightest group from this one up to the root binds.
        let folders = Path::new(path.trim_start_matches('/')).ancestors();
        let limit = |folder: &Path| {
            let text = std::fs::read_to_string(root.join(mount).join(folder).join(name));
            text.ok()?.trim().parse::<u64>().ok()
        };
        folders.filter_map(limit).collect()
    });
    let group = limits.min().map(|limit| limit.saturating_sub(held));
    [free, group].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use std::fs::{create_dir_all, write};

    use super::{can_allocate, left, require_for_training};

    #[test]
    #[allow(clippy::unwrap_used, reason = "a test may panic")]
    fn what_is_left_is_the_least_of_machine_and_groups() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        assert_eq!(left(root), None);
        create_dir_all(root.join("proc/self")).unwrap();
        create_dir_all(root.join("sys/fs/cgroup/job")).unwrap();
        write(
            root.join("proc/meminfo"),
            "MemTotal: 9 kB\nMemAvailable:   40 kB\nSwapFree:  8 kB\n",
        )
        .unwrap();
        assert_eq!(left(root), Some(48 << 10));
        write(root.join("proc/self/cgroup"), "0::/job\n").unwrap();
        write(root.join("proc/self/statm"), "99 2 1 1 0 1 0\n").unwrap();
        write(root.join("sys/fs/cgroup/job/memory.max"), "max\n").unwrap();
        assert_eq!(left(root), Some(48 << 10));
        write(root.join("sys/fs/cgroup/memory.max"), "30000\n").unwrap();
        assert_eq!(left(root), Some(30_000 - 8192));
        write(root.join("proc/self/cgroup"), "4:cpu,memory:/job\n").unwrap();
        create_dir_all(root.join("sys/fs/cgroup/memory/job")).unwrap();
        write(
            root.join("sys/fs/cgroup/memory/job/memory.limit_in_bytes"),
            "9000\n",
        )
        .unwrap();
        assert_eq!(left(root), Some(808));
    }

    #[test]
    #[allow(clippy::unwrap_used, reason = "a test may panic")]
    fn training_says_what_does_not_fit() {
        require_for_training(1 << 20, "words").unwrap();
        let error = require_for_training(1 << 50, "the words")
            .unwrap_err()
            .to_string();
        assert!(
            error.starts_with("out of memory: the words take 1125899907 MB"),
            "{error}"
        );
    }

    #[test]
    fn no_machine_grants_everything() {
        assert!(can_allocate(0));
        assert!(can_allocate(1 << 20));
        assert!(!can_allocate(isize::MAX as usize - 4096));
        assert!(!can_allocate(usize::MAX));
    }
}
