import KuklaTensor

extension Module {
    /// A table for people: path, shape, number of elements and whether training changes it, a parameter a line; totals last.
    public var summary: String {
        let all = parameters
        let rows = all.map { named in
            [
                named.path, "\(named.parameter.shape)", grouped(named.parameter.shape.elementCount),
                named.parameter.isBuffer ? "buffer" : named.parameter.isTrainable ? "trained" : "frozen",
            ]
        }
        let trained = all.filter { $0.parameter.isTrainable }
            .reduce(0) { $0 + $1.parameter.shape.elementCount }
        let total = ["total", "", grouped(parameterCount), "\(grouped(trained)) trained"]
        let table = [["path", "shape", "count", ""]] + rows + [total]
        let widths = (0..<4).map { column in table.map { $0[column].count }.max() ?? 0 }
        return table.map { row in
            let cells = row.enumerated().map { column, text in
                let pad = String(repeating: " ", count: widths[column] - text.count)
                return column == 2 ? pad + text : text + pad
            }
            let line = cells.joined(separator: "  ")
            return String(
                line[..<(line.lastIndex { $0 != " " }.map { line.index(after: $0) } ?? line.startIndex)])
        }.joined(separator: "\n")
    }
}

/// Digits in groups of three: 22,713,216.
private func grouped(_ number: Int) -> String {
    let digits = String(number)
    return String(
        digits.enumerated().flatMap { i, digit in
            i > 0 && (digits.count - i).isMultiple(of: 3) ? [",", digit] : [digit]
        })
}
