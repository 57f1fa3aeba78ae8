import KuklaNumerics

// Sorting and the best few. NaN counts as greater than all numbers; of equals, the one with the smaller index comes first.

extension Tensor {
    /// The `count` greatest elements of each row of the last axis, greatest first, and where they are.
    ///
    /// *Shapes:* `[..., n]` gives values `[..., count]` and as many indices, row-major. The gradient goes to those elements.
    /// - Complexity: O(n + count log count log n) a row for random data, O(n count) at worst; a full sort where `count` is large.
    public func topK(_ count: Int) -> (values: Tensor, indices: [Int32]) {
        contract(
            rank > 0 && count >= 0 && count <= shape[rank - 1],
            "topK: \(count) of the last axis of shape \(shape)")
        let length = shape[rank - 1]
        let rows = shape.dropLast().reduce(1, *)
        let indices = Self.indices(rows * count) { to in
            nonisolated(unsafe) let to = to  // every block writes rows of its own
            tensorFor(rows, grain: Swift.max(1, elementGrain / Swift.max(1, 4 * length))) { block in
                for row in block {
                    Self.best(count, of: pointer + row * length, length, to: to + row * count)
                }
            }
        }
        return (taken(along: -1, indices: indices), indices)
    }

    /// The elements along `axis` in order, and where they were. The gradient goes back to those places.
    public func sorted(axis: Int = -1, descending: Bool = false) -> (values: Tensor, indices: [Int32]) {
        let indices = argsort(axis: axis, descending: descending)
        return (taken(along: axis, indices: indices), indices)
    }

    /// The places along `axis` in the order of their elements, of this tensor's shape, row-major. Stable.
    public func argsort(axis: Int = -1, descending: Bool = false) -> [Int32] {
        let axis = shape.axis(axis, operation: "argsort")
        let (outer, length, inner) = shape.split(at: axis)
        return Self.indices(count) { to in
            nonisolated(unsafe) let to = to  // every block writes lanes of its own
            tensorFor(outer * inner, grain: Swift.max(1, elementGrain / Swift.max(1, 16 * length))) { block in
                for lane in block {
                    let start = lane / inner * length * inner + lane % inner
                    let lane = (0..<length).map { (pointer[start + $0 * inner], Int32($0)) }
                    let ordered = lane.sorted {
                        descending ? Self.precedes($0, $1) : Self.precedes(($1.0, $0.1), ($0.0, $1.1))
                    }
                    for (l, element) in ordered.enumerated() { to[start + l * inner] = element.1 }
                }
            }
        }
    }

    private static func indices(_ count: Int, _ fill: (UnsafeMutablePointer<Int32>) -> Void) -> [Int32] {
        [Int32](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = count
            if let to = buffer.baseAddress, count > 0 { fill(to) }
        }
    }

    // Whether a comes before b in descending order: greater (NaN above all), or equal and earlier.
    private static func precedes(_ a: (Float, Int32), _ b: (Float, Int32)) -> Bool {
        if a.0 > b.0 { return true }
        if a.0 < b.0 { return false }
        let (nanA, nanB) = (a.0.isNaN, b.0.isNaN)
        return nanA == nanB ? a.1 < b.1 : nanA
    }

    // The best `count` of a row, by insertion into the ordered list of those so far; a full sort where that is cheaper.
    private static func best(
        _ count: Int, of row: UnsafePointer<Float>, _ length: Int, to: UnsafeMutablePointer<Int32>
    ) {
        guard count > 0 else { return }
        if count > 64 {
            let all = (0..<length).map { (row[$0], Int32($0)) }.sorted { precedes($0, $1) }
            for i in 0..<count { to[i] = all[i].1 }
            return
        }
        var filled = 0
        for i in 0..<length {
            let candidate = (row[i], Int32(i))
            if filled == count {
                let worst = to[count - 1]
                // Nearly every element ends here.
                if row[i] <= row[Int(worst)] || !precedes(candidate, (row[Int(worst)], worst)) { continue }
                filled -= 1
            }
            var at = filled
            while at > 0, precedes(candidate, (row[Int(to[at - 1])], to[at - 1])) {
                to[at] = to[at - 1]
                at -= 1
            }
            to[at] = Int32(i)
            filled += 1
        }
    }
}
