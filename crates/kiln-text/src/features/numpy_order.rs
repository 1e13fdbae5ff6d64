//! The most frequent of many terms, with scikit-learn's ties: those that NumPy's unstable `argsort` happens to put
//! first.
//!
//! Followed: NumPy 2.4's portable `argsort` (`npysort/quicksort.cpp`: quicksort with the median of three, insertion
//! sort up to 16, heapsort at too great a depth). NumPy uses it on ARM and on x86 processors without AVX2. With AVX2 or
//! AVX-512 it uses other sorts with other ties, so scikit-learn's own choice among terms of equal frequency differs
//! between machines. Terms above the lowest frequency kept are the same everywhere.

/// A range of this length or less is sorted by insertion.
const INSERTION: usize = 16;

/// The places of the `limit` largest counts, unordered. Of equal counts, those that NumPy's `(-counts).argsort()` puts
/// first.
///
/// Elements in parts of the sort that are wholly before or wholly after `limit` can no longer change sides, so only the
/// part around it is sorted further: linear time on average.
pub(super) fn most_frequent(counts: &[u64], limit: usize) -> Vec<u32> {
    let mut places: Vec<u32> = (0..counts.len() as u32).collect();
    if limit < counts.len() && limit > 0 {
        select(counts, &mut places, limit);
    }
    places.truncate(limit);
    places
}

/// Brings the same places to the first `limit` as NumPy's sort does.
fn select(counts: &[u64], places: &mut [u32], limit: usize) {
    // Descending counts are ascending negative counts.
    let less = |a: u32, b: u32| counts[a as usize] > counts[b as usize];
    let mut depth = 2 * places.len().ilog2() as i64;
    let (mut low, mut high) = (0, places.len() - 1);
    while high - low + 1 > INSERTION {
        let pivot = partition(&mut places[low..=high], less) + low;
        depth -= 1;
        // NumPy continues with the smaller part and returns to the larger one, and only then checks the depth.
        let right_is_larger = pivot - low < high - pivot;
        let go_right = limit > pivot;
        match go_right {
            true => low = pivot + 1,
            // The pivot is the first place after the limit, or the part before it ends at the limit.
            false if pivot == low => return,
            false => high = pivot - 1,
        }
        if low > high || limit <= low || limit > high {
            return;
        }
        if go_right == right_is_larger && depth < 0 {
            heapsort(&mut places[low..=high], less);
            return;
        }
    }
    insertion_sort(&mut places[low..=high], less);
}

/// Partitions a range by the median of its first, middle and last element, and returns where the median is then.
fn partition(range: &mut [u32], less: impl Fn(u32, u32) -> bool) -> usize {
    let last = range.len() - 1;
    let middle = last / 2;
    if less(range[middle], range[0]) {
        range.swap(middle, 0);
    }
    if less(range[last], range[middle]) {
        range.swap(last, middle);
    }
    if less(range[middle], range[0]) {
        range.swap(middle, 0);
    }
    let pivot = range[middle];
    let (mut left, mut right) = (0, last - 1);
    range.swap(middle, right);
    loop {
        left += 1;
        while less(range[left], pivot) {
            left += 1;
        }
        right -= 1;
        while less(pivot, range[right]) {
            right -= 1;
        }
        if left >= right {
            break;
        }
        range.swap(left, right);
    }
    range.swap(left, last - 1);
    left
}

fn insertion_sort(range: &mut [u32], less: impl Fn(u32, u32) -> bool) {
    for from in 1..range.len() {
        let place = range[from];
        let mut to = from;
        while to > 0 && less(place, range[to - 1]) {
            range[to] = range[to - 1];
            to -= 1;
        }
        range[to] = place;
    }
}

fn heapsort(range: &mut [u32], less: impl Fn(u32, u32) -> bool) {
    let sift = |heap: &mut [u32], root: usize, place: u32| {
        let mut hole = root;
        loop {
            let mut child = 2 * hole + 1;
            if child >= heap.len() {
                break;
            }
            if child + 1 < heap.len() && less(heap[child], heap[child + 1]) {
                child += 1;
            }
            if !less(place, heap[child]) {
                break;
            }
            heap[hole] = heap[child];
            hole = child;
        }
        heap[hole] = place;
    };
    for root in (0..range.len() / 2).rev() {
        let place = range[root];
        sift(range, root, place);
    }
    for end in (1..range.len()).rev() {
        let place = range[end];
        range[end] = range[0];
        sift(&mut range[..end], 0, place);
    }
}
