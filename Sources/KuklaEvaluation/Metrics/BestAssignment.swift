import KuklaNumerics

/// The one-to-one assignment of rows to columns with the greatest sum.
public enum BestAssignment {
    /// The column of each row.
    ///
    /// - Parameter weights: as many rows as columns.
    /// - Complexity: O(n^3).
    /// *Source:* Kuhn 1955, "The Hungarian method for the assignment problem", doi:10.1002/nav.3800020109; shortest augmenting paths
    /// after Jonker and Volgenant 1987.
    public static func columns(_ weights: [[Double]]) -> [Int] {
        let n = weights.count
        contract(weights.allSatisfy { $0.count == n }, "BestAssignment: rows of other lengths than \(n)")
        // Potentials of rows and columns, which number from 1; 0 stands for none.
        var (u, v) = ([Double](repeating: 0, count: n + 1), [Double](repeating: 0, count: n + 1))
        var rowOf = [Int](repeating: 0, count: n + 1)
        for row in stride(from: 1, through: n, by: 1) {
            var previous = [Int](repeating: 0, count: n + 1)
            var shortest = [Double](repeating: .infinity, count: n + 1)
            var isDone = [Bool](repeating: false, count: n + 1)
            rowOf[0] = row
            var column = 0
            while rowOf[column] != 0 {
                isDone[column] = true
                let current = rowOf[column]
                var (least, next) = (Double.infinity, 0)
                for other in 1...n where !isDone[other] {
                    let cost = -weights[current - 1][other - 1] - u[current] - v[other]
                    if cost < shortest[other] { (shortest[other], previous[other]) = (cost, column) }
                    if shortest[other] < least { (least, next) = (shortest[other], other) }
                }
                for other in 0...n {
                    if isDone[other] {
                        u[rowOf[other]] += least
                        v[other] -= least
                    } else {
                        shortest[other] -= least
                    }
                }
                column = next
            }
            while column != 0 {
                rowOf[column] = rowOf[previous[column]]
                column = previous[column]
            }
        }
        var columns = [Int](repeating: 0, count: n)
        for column in stride(from: 1, through: n, by: 1) { columns[rowOf[column] - 1] = column - 1 }
        return columns
    }
}
