//! Makes good files odd in the ways of editors, other programs, networks and disks, drawn from a seed.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use kiln_base::SplitMix64;

/// A mutation: its name, and a function that returns the changed file. `other` is a good file of another kind.
type Mutation = (&'static str, fn(&[u8], &[u8], &mut SplitMix64) -> Vec<u8>);

const MUTATIONS: [Mutation; 26] = [
    ("bytes flipped", |file, _, random| {
        let mut odd = file.to_vec();
        for _ in 0..1 + random.below(4) {
            let (at, bit) = (place(file.len(), random), random.below(8));
            if let Some(byte) = odd.get_mut(at) {
                *byte ^= 1 << bit;
            }
        }
        odd
    }),
    ("cut short", |file, _, random| file[..place(file.len() + 1, random)].to_vec()),
    ("begun late", |file, _, random| file[place(file.len() + 1, random)..].to_vec()),
    ("a part left out", |file, _, random| {
        let (from, to) = part(file, random);
        [&file[..from], &file[to..]].concat()
    }),
    ("a part twice", |file, _, random| {
        let (from, to) = part(file, random);
        [&file[..to], &file[from..]].concat()
    }),
    ("a part of another kind of file", |file, other, random| {
        let ((from, to), (begin, end)) = (part(file, random), part(other, random));
        [&file[..from], &other[begin..end], &file[to..]].concat()
    }),
    ("random bytes put in", |file, _, random| {
        let bytes: Vec<u8> = (0..1 + random.below(40)).map(|_| random.below(256) as u8).collect();
        put_in(file, &bytes, random)
    }),
    ("zeros put in", |file, _, random| put_in(file, &vec![0; 1 + random.below(600) as usize], random)),
    ("zeros after it", |file, _, random| [file, &vec![0; 1 + random.below(9_000) as usize]].concat()),
    ("an odd number", |file, _, random| {
        const NUMBERS: [&str; 16] = [
            "0",
            "-1",
            "1e999",
            "-1e-999",
            "NaN",
            "inf",
            "4294967296",
            "18446744073709551616",
            "0x1f",
            "1_000",
            "1,5",
            "٣",
            "007",
            "1.0",
            "null",
            "",
        ];
        let digits: Vec<usize> = (0..file.len()).filter(|&at| file[at].is_ascii_digit()).collect();
        let Some(&from) = digits.get(place(digits.len(), random)) else { return file.to_vec() };
        let to = file[from..].iter().position(|byte| !byte.is_ascii_digit()).map_or(file.len(), |end| from + end);
        [&file[..from], pick(&NUMBERS, random).as_bytes(), &file[to..]].concat()
    }),
    ("an odd size in binary", |file, _, random| {
        let mut odd = file.to_vec();
        let sizes = [u64::MAX, i64::MAX as u64, u32::MAX.into(), i32::MAX as u64, 1 << 40, 0];
        let bytes = pick(&sizes, random).to_le_bytes();
        let at = place(file.len(), random) / 4 * 4;
        odd.iter_mut().skip(at).zip(bytes).for_each(|(old, new)| *old = new);
        odd
    }),
    ("a byte order mark", |file, _, _| [b"\xef\xbb\xbf", file].concat()),
    ("CR LF", |file, _, _| replaced(file, b"\n", b"\r\n")),
    ("CR", |file, _, _| replaced(file, b"\n", b"\r")),
    ("no last line end", |file, _, _| file.strip_suffix(b"\n").unwrap_or(file).to_vec()),
    ("blank lines", |file, _, random| put_at_line(file, b"\n \n\t\n", random)),
    ("two spaces", |file, _, _| replaced(file, b" ", b"  ")),
    ("tabs for spaces", |file, _, _| replaced(file, b" ", b"\t")),
    ("quotes put in", |file, _, random| put_in(file, pick(&["\"", "\\\"", "\"\"\"", "'"], random).as_bytes(), random)),
    ("a line of 200,000 letters", |file, _, random| put_at_line(file, &[&[b'x'; 200_000][..], b"\n"].concat(), random)),
    ("lines exchanged", |file, _, random| {
        let mut lines: Vec<&[u8]> = file.split_inclusive(|&byte| byte == b'\n').collect();
        let (a, b) = (place(lines.len(), random), place(lines.len(), random));
        if !lines.is_empty() {
            lines.swap(a, b);
        }
        lines.concat()
    }),
    ("in UTF-16", |file, _, _| {
        format!("\u{feff}{}", String::from_utf8_lossy(file)).encode_utf16().flat_map(u16::to_le_bytes).collect()
    }),
    ("in Latin-1", |file, _, _| {
        String::from_utf8_lossy(file).chars().map(|letter| u8::try_from(letter as u32).unwrap_or(0xe9)).collect()
    }),
    ("packed by gzip", |file, _, _| packed(file)),
    ("packed by gzip in two members", |file, _, random| {
        let (first, second) = file.split_at(place(file.len() + 1, random));
        [packed(first), packed(second)].concat()
    }),
    ("packed by gzip and damaged", |file, _, random| {
        let packed = packed(file);
        let at = place(packed.len(), random);
        match random.below(2) {
            0 => packed[..at].to_vec(),
            _ => [&packed[..at], &[packed[at] ^ 0x10], &packed[at + 1..]].concat(),
        }
    }),
];

/// A good file after one to three mutations, and their names.
pub(crate) fn odd(good: &[u8], other: &[u8], random: &mut SplitMix64) -> (Vec<u8>, String) {
    let (mut file, mut done) = (good.to_vec(), Vec::new());
    for _ in 0..1 + random.below(3) {
        let (name, mutate) = *pick(&MUTATIONS, random);
        file = mutate(&file, other, random);
        done.push(name);
    }
    (file, done.join(", "))
}

fn pick<'a, T>(of: &'a [T], random: &mut SplitMix64) -> &'a T {
    &of[random.below(of.len() as u64) as usize]
}

/// A place below `len`, or 0.
fn place(len: usize, random: &mut SplitMix64) -> usize {
    random.below(len.max(1) as u64) as usize
}

fn part(file: &[u8], random: &mut SplitMix64) -> (usize, usize) {
    let from = place(file.len() + 1, random);
    (from, from + place((file.len() - from).min(200) + 1, random))
}

fn put_in(file: &[u8], bytes: &[u8], random: &mut SplitMix64) -> Vec<u8> {
    let (before, after) = file.split_at(place(file.len() + 1, random));
    [before, bytes, after].concat()
}

fn put_at_line(file: &[u8], bytes: &[u8], random: &mut SplitMix64) -> Vec<u8> {
    let begins: Vec<usize> = [0].into_iter().chain((1..=file.len()).filter(|&at| file[at - 1] == b'\n')).collect();
    let (before, after) = file.split_at(*pick(&begins, random));
    [before, bytes, after].concat()
}

fn replaced(file: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut odd = Vec::with_capacity(file.len());
    let mut rest = file;
    while let Some(at) = rest.windows(old.len()).position(|bytes| bytes == old) {
        odd.extend_from_slice(&rest[..at]);
        odd.extend_from_slice(new);
        rest = &rest[at + old.len()..];
    }
    odd.extend_from_slice(rest);
    odd
}

fn packed(file: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    // Writing into memory does not fail.
    let _ = encoder.write_all(file);
    encoder.finish().unwrap_or_default()
}
