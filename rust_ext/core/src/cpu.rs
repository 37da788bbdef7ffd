//! Which instructions this processor has, asked at run time: one wheel serves every machine.

/// The features that matter to string and hash loops, by the names of the instruction sets.
pub fn features() -> Vec<&'static str> {
    #[cfg(target_arch = "x86_64")]
    {
        [
            ("sse4.2", std::arch::is_x86_feature_detected!("sse4.2")),
            ("aes", std::arch::is_x86_feature_detected!("aes")),
            ("avx2", std::arch::is_x86_feature_detected!("avx2")),
            ("bmi2", std::arch::is_x86_feature_detected!("bmi2")),
            ("avx512bw", std::arch::is_x86_feature_detected!("avx512bw")),
        ]
        .into_iter()
        .filter_map(|(name, found)| found.then_some(name))
        .collect()
    }
    #[cfg(target_arch = "aarch64")]
    {
        [
            ("neon", true),
            ("aes", std::arch::is_aarch64_feature_detected!("aes")),
        ]
        .into_iter()
        .filter_map(|(name, found)| found.then_some(name))
        .collect()
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    {
        Vec::new()
    }
}

/// Whether the scanners may work on windows: 64 bytes at a time with AVX2.
#[cfg(target_arch = "x86_64")]
#[inline]
pub fn has_windows() -> bool {
    std::arch::is_x86_feature_detected!("avx2")
        && std::arch::is_x86_feature_detected!("bmi1")
        && std::arch::is_x86_feature_detected!("bmi2")
        && std::arch::is_x86_feature_detected!("lzcnt")
        && std::arch::is_x86_feature_detected!("popcnt")
}
