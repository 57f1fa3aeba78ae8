/// Where the rows of each field lie in one matrix, field after field.
struct FieldRows: Sendable {
    /// The first row of each field.
    let starts: [Int32]
    /// Rows of each field; 0 for a field that has none here.
    let counts: [UInt32]
    /// Rows of all fields.
    let total: Int

    init(_ counts: [Int]) {
        var (starts, next) = ([Int32](), 0)
        for count in counts {
            starts.append(Int32(next))
            next += count
        }
        self.starts = starts
        self.counts = counts.map { UInt32($0) }
        total = next
    }

    /// One row for each vector.
    var oneLookupEach: [Int] { counts.map { _ in 1 } }
}
