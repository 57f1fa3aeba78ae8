/// The one of `names` that is most likely meant by `name`: of least edit distance, the earlier of equals; nil where even that
/// differs in more than half of the longer one's characters.
///
/// - Complexity: O(length^2) for each name.
package func nearestName(to name: String, among names: some Sequence<String>) -> String? {
    var best: (name: String, distance: Int)?
    let wanted = Array(name.utf8)
    for candidate in names {
        let distance = editDistance(wanted, Array(candidate.utf8), atMost: best?.distance ?? .max)
        if distance < best?.distance ?? .max { best = (candidate, distance) }
    }
    guard let best, 2 * best.distance <= max(wanted.count, best.name.utf8.count) else { return nil }
    return best.name
}

/// Insertions, deletions and replacements between `a` and `b` (Levenshtein 1966); stops early, with some greater number, over
/// `limit`.
private func editDistance(_ a: [UInt8], _ b: [UInt8], atMost limit: Int) -> Int {
    guard abs(a.count - b.count) <= limit else { return .max }
    var row = Array(0...b.count)
    for (i, x) in a.enumerated() {
        var diagonal = row[0]
        row[0] = i + 1
        var least = row[0]
        for (j, y) in b.enumerated() {
            let distance = min(diagonal + (x == y ? 0 : 1), row[j] + 1, row[j + 1] + 1)
            diagonal = row[j + 1]
            row[j + 1] = distance
            least = min(least, distance)
        }
        if least > limit { return .max }
    }
    return row[b.count]
}
