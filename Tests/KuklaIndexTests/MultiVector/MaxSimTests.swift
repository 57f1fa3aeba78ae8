import KuklaIndex
import KuklaNumerics
import KuklaTestSupport
import Testing

@Suite struct MaxSimTests {
    /// Around the tiles of every level: 4, 6 and 14 document vectors by 8, 16 and 32 query vectors.
    private let documentSizes = [0, 1, 2, 3, 4, 5, 6, 7, 13, 14, 15, 28, 29, 64]
    private let querySizes = [0, 1, 8, 9, 16, 17, 31, 32, 33, 65]

    @Test(arguments: CPULevel.available, [1, 7, 16, 17, 100])
    func `every level agrees with the definition in double`(level: CPULevel, dimensions: Int) {
        let queries = randomSets(querySizes, dimensions: dimensions, seed: 1)
        let documents = randomSets(documentSizes, dimensions: dimensions, seed: 2)
        let scores = MaxSim.scores(queries, documents, threads: 2, level: level)
        for query in 0..<queries.count {
            for document in 0..<documents.count {
                let (expected, scale) = definition(queries[query], documents[document])
                let found = Double(scores[query, document])
                #expect(
                    found == expected || abs(found - expected) <= 1e-6 * (scale + 1),
                    "\(level) \(querySizes[query]) x \(documentSizes[document]) x \(dimensions): \(found), \(expected)"
                )
            }
        }
    }

    @Test func `all products below zero still have a largest`() {
        let query = VectorSets([Matrix(rows: 1, columns: 2, elements: [1, 0])], dimensions: 2)
        let document = VectorSets([Matrix(rows: 2, columns: 2, elements: [-3, 1, -2, 5])], dimensions: 2)
        #expect(MaxSim.scores(query, document).elements == [-2])
    }

    @Test func `threads and company change nothing`() {
        let queries = randomSets([5, 32, 40], dimensions: 33, seed: 3)
        let documents = randomSets((0..<100).map { $0 % 37 }, dimensions: 33, seed: 4)
        let all = MaxSim.scores(queries, documents, threads: 1)
        for threads in 2...3 { #expect(MaxSim.scores(queries, documents, threads: threads) == all) }
        let alone = MaxSim.scores(queries[sets: 1..<2], documents[sets: 30..<60])
        #expect(alone.row(0) == Array(all.row(1)[30..<60]))
    }

    private func definition(_ query: Matrix, _ document: Matrix) -> (score: Double, scale: Double) {
        var (score, scale) = (0.0, 0.0)
        for q in 0..<query.rows {
            var best = -Double.infinity
            for x in 0..<document.rows {
                let products = zip(query.row(q), document.row(x)).map { Double($0) * Double($1) }
                best = max(best, products.reduce(0, +))
                scale += products.reduce(0) { $0 + abs($1) }
            }
            score += best
        }
        return (score, scale)
    }
}

/// Sets of so many vectors of normal components.
func randomSets(_ sizes: [Int], dimensions: Int, seed: UInt64) -> VectorSets {
    let offsets = sizes.reduce(into: [0]) { $0.append($0.last! + $1) }
    return VectorSets(
        vectors: .random(rows: offsets.last!, columns: dimensions, seed: seed), offsets: offsets)
}
