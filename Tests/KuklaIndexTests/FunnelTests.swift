import Foundation
import KuklaIndex
import KuklaNumerics
import Testing

@Suite struct FunnelTests {
    private let vectors = Matrix.clustered(rows: 2000, columns: 32, seed: 5)
    private let queries = Matrix.clustered(rows: 40, columns: 32, seed: 6)

    private func index(_ factory: String, _ metric: Metric) throws -> FlatIndex {
        var index = try #require(
            try IndexConfiguration(parsing: factory).makeIndex(on: vectors, metric: metric) as? FlatIndex)
        try index.insert(vectors)
        return index
    }

    private func funnel(_ text: String) throws -> Funnel { try Funnel(parsing: text) }

    /// The first `count` columns.
    private func prefix(_ matrix: Matrix, _ count: Int) -> Matrix {
        Matrix(rows: matrix.rows, columns: count) { out in
            for i in out.indices { out[i] = matrix[i / count, i % count] }
        }
    }

    @Test(
        arguments: ["F32", "SQ8", "PQ8x4fs,Refine(SQ8)"], [Metric.cosine, .innerProduct, .squaredEuclidean])
    func `one stage of all dimensions is the index's own search`(_ factory: String, _ metric: Metric) throws {
        let index = try index(factory, metric)
        let found = try FunnelIndex(index, funnel: funnel("32:10")).search(queries, count: 10)
        #expect(try found == index.search(queries, count: 10))
    }

    @Test(arguments: [Metric.cosine, .innerProduct, .squaredEuclidean])
    func `stages are searches of prefixes, each among what the one before left`(_ metric: Metric) throws {
        let funnel = try FunnelIndex(index("F32", metric), funnel: funnel("4:60,16:20,32:5"))
        let found = try funnel.search(queries, count: 5)
        for query in 0..<queries.rows {
            var left = Array(0..<vectors.rows)
            for stage in funnel.funnel.stages {
                let part = prefix(vectors, stage.dimensions)
                let ranked = part.bruteForce(prefix(queries, stage.dimensions).row(query), metric: metric)
                let allowed = Set(left)
                left = Array(ranked.map(\.id).filter(allowed.contains).prefix(stage.count))
            }
            #expect(found[query].map(\.id) == left, "query \(query)")
        }
        // Fewer matches are the first of them, whatever the threads.
        let two = try funnel.search(queries, count: 2, threads: 1)
        #expect(two == found.map { Array($0.prefix(2)) })
    }

    @Test func `wide stages lose nothing, and codes that are refined are ranked by the finer ones`() throws {
        for factory in ["SQ8", "F16", "PQ8x4fs,Refine(SQ8)"] {
            let wide = try FunnelIndex(index(factory, .cosine), funnel: funnel("8:2000,32:10"))
                .search(queries, count: 10)
            let exact = try FunnelIndex(index("F32", .cosine), funnel: funnel("32:10"))
                .search(queries, count: 10)
            let agreeing = zip(wide, exact).reduce(0) { sum, pair in
                sum + Set(pair.0.map(\.id)).intersection(pair.1.map(\.id)).count
            }
            #expect(agreeing >= 380, "\(factory): \(agreeing) of 400")
        }
    }

    @Test func `only allowed ids are found`() throws {
        let index = try FunnelIndex(index("F32", .cosine), funnel: funnel("8:40,32:10"))
        let allowed = RowSet(capacity: 2000) { $0 % 3 == 0 }
        let found = try index.search(queries, count: 10, allowing: allowed)
        #expect(found.allSatisfy { $0.count == 10 && $0.allSatisfy { $0.id % 3 == 0 } })
    }

    @Test func `multiplications follow the formula`() throws {
        #expect(
            try funnel("24:200,96:50,384:10").multiplications(among: 5000)
                == 5000 * 24 + 200 * 96 + 50 * 384)
        #expect(try funnel("24:200,384:10").multiplications(among: 100) == 100 * 24 + 100 * 384)
        #expect(try funnel(" 24:200, 96:50").description == "24:200,96:50")
    }

    @Test(arguments: ["32:10", "8:100,32:10", "4:60,16:20,32:5", "4:5000,32:10"])
    func `what searches multiply is what the formula says`(_ text: String) throws {
        let funnel = try funnel(text)
        var index = try FunnelIndex(index("F32", .cosine), funnel: funnel)
        let counter = MultiplicationCounter()
        index.multiplicationCounter = counter
        _ = try index.search(queries, count: 5)
        #expect(counter.count == queries.rows * funnel.multiplications(among: vectors.rows))
    }

    @Test(arguments: [
        "", "24", "24:", ":5", "a:b", "24:200,", "0:10", "24:0", "24:200,24:50", "96:200,24:50",
        "24:50,96:200", "24:200:3", "-1:5",
    ])
    func `a funnel that makes no sense is refused`(_ text: String) {
        let error = #expect(throws: KuklaError.self) { try Funnel(parsing: text) }
        #expect(error?.code == .usage)
    }

    @Test func `a funnel that the index cannot take is refused`() throws {
        func code(_ body: () throws -> Void) -> KuklaError.Code? {
            let error = #expect(throws: KuklaError.self) { try body() }
            return error?.code
        }
        let flat = try index("F32", .cosine)
        #expect(code { _ = try FunnelIndex(flat, funnel: funnel("8:20,64:10")) } == .usage)
        let packed = try index("PQ8x4fs", .cosine)
        #expect(code { _ = try FunnelIndex(packed, funnel: funnel("8:20,32:10")) } == .usage)
        let good = try FunnelIndex(flat, funnel: funnel("8:20,32:10"))
        #expect(code { _ = try good.search(queries, count: 11) } == .usage)
        #expect(code { _ = try good.search(prefix(queries, 8), count: 5) } == .badData)
    }
}
