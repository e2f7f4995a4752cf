//! The linear assignment problem in exact integers.

/// `max_σ Σ_i w[i][σ(i)]` over all one-to-one maps σ from rows to columns, for non-negative integer weights.
///
/// `rows[i]` lists the nonzero weights of row `i` as (column, weight); every other weight is 0.
/// Successive shortest augmenting paths with dual potentials (the Hungarian method; Jonker & Volgenant 1987,
/// <https://doi.org/10.1007/BF02278710>): one path a row, each O(rows · columns), memory O(rows + columns + nonzeros).
/// Weights of at most 2³² leave the 64-bit potentials far from overflow.
///
/// # Panics
/// If there are more rows than columns.
#[track_caller]
pub(crate) fn max_assignment(rows: &[Vec<(usize, u64)>], columns: usize) -> u64 {
    assert!(rows.len() <= columns, "assignment: {} rows but {columns} columns", rows.len());
    // The cost of (row, column) is -weight; reduced cost = cost - row_potential - column_potential >= 0.
    let mut row_potential = vec![0i64; rows.len()];
    let mut column_potential = vec![0i64; columns];
    let mut row_of: Vec<Option<usize>> = vec![None; columns];
    let mut weight = vec![0i64; columns];

    for start in 0..rows.len() {
        // Dijkstra over columns from row `start` to the nearest free column.
        let mut distance = vec![i64::MAX; columns];
        let mut previous: Vec<Option<usize>> = vec![None; columns];
        let mut visited = vec![false; columns];
        let mut order = Vec::new();
        let (mut row, mut from, mut travelled) = (start, None, 0);
        let end = loop {
            for &(column, value) in &rows[row] {
                weight[column] = value as i64;
            }
            let mut nearest: Option<usize> = None;
            for column in (0..columns).filter(|&column| !visited[column]) {
                let length = travelled - weight[column] - row_potential[row] - column_potential[column];
                if length < distance[column] {
                    distance[column] = length;
                    previous[column] = from;
                }
                // A free column wins ties: the path ends there.
                let better = |best: usize| {
                    (distance[column], row_of[column].is_some()) < (distance[best], row_of[best].is_some())
                };
                if nearest.is_none_or(better) {
                    nearest = Some(column);
                }
            }
            for &(column, _) in &rows[row] {
                weight[column] = 0;
            }
            let column = nearest.expect("rows <= columns leaves a free column");
            travelled = distance[column];
            let Some(next) = row_of[column] else { break column };
            visited[column] = true;
            order.push(column);
            (row, from) = (next, Some(column));
        };

        row_potential[start] += travelled;
        for column in order {
            let owner = row_of[column].expect("a visited column is taken");
            row_potential[owner] += travelled - distance[column];
            column_potential[column] -= travelled - distance[column];
        }
        // Shift the matching along the path.
        let mut column = end;
        while let Some(before) = previous[column] {
            row_of[column] = row_of[before];
            column = before;
        }
        row_of[column] = Some(start);
    }

    let weight_of = |row: usize, column: usize| rows[row].iter().find(|cell| cell.0 == column).map_or(0, |cell| cell.1);
    row_of.iter().enumerate().filter_map(|(column, &row)| Some(weight_of(row?, column))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The maximum by trying every one-to-one map.
    fn brute_force(weights: &[Vec<u64>], used: &mut Vec<bool>) -> u64 {
        let Some((first, rest)) = weights.split_first() else { return 0 };
        (0..used.len())
            .filter_map(|column| {
                if std::mem::replace(&mut used[column], true) {
                    return None;
                }
                let value = first[column] + brute_force(rest, used);
                used[column] = false;
                Some(value)
            })
            .max()
            .unwrap_or(0)
    }

    fn weights() -> impl Strategy<Value = Vec<Vec<u64>>> {
        // Small weights make ties; large ones would show an overflow.
        (1usize..=5, 0usize..=2, prop_oneof![Just(3u64), Just(100), Just(1 << 32)]).prop_flat_map(
            |(rows, extra, largest)| prop::collection::vec(prop::collection::vec(0..=largest, rows + extra), rows),
        )
    }

    proptest! {
        #[test]
        fn the_assignment_is_the_maximum_over_all_one_to_one_maps(weights in weights()) {
            let columns = weights[0].len();
            let sparse: Vec<Vec<(usize, u64)>> =
                weights.iter().map(|row| row.iter().copied().enumerate().filter(|cell| cell.1 > 0).collect()).collect();
            prop_assert_eq!(max_assignment(&sparse, columns), brute_force(&weights, &mut vec![false; columns]));
        }
    }

    #[test]
    fn no_rows_have_the_empty_map() {
        assert_eq!(max_assignment(&[], 3), 0);
    }
}
