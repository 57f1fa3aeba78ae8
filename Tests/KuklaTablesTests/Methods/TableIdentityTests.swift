import KuklaNN
import KuklaNumerics
import KuklaTables
import KuklaTensor
import Testing

/// What every method is when it does not compress: the dense table.
@Suite struct TableIdentityTests {
    private let schema = TableFixtures.schema
    private var dense: Tensor {
        var random = RandomSource(seed: 21)
        return Tensor.normal([schema.idCount, schema.width], deviation: 0.3, using: &random)
    }

    private func make(_ word: String, budget: Int? = nil) throws -> any EmbeddingTable {
        try TableConfiguration(parsing: word).make(for: schema, budget: budget, seed: 4)
    }

    private func parameter(_ path: String, of table: any EmbeddingTable) throws -> Parameter {
        try #require(table.parameters.first { $0.path == path }, "no \(path)").parameter
    }

    /// The greatest difference of any vector from its row of the dense table, trained and served.
    private func difference(_ table: any EmbeddingTable) throws -> Float {
        let (dense, served) = (dense, try table.served())
        var (greatest, first) = (Float(0), 0)
        for batch in TableFixtures.allIds(schema) {
            let rows = dense.slice(axis: 0, first..<first + batch.rows)
            greatest = max(greatest, table.embed(batch, mode: .inference).greatestDifference(from: rows))
            greatest = max(greatest, served.vectors(batch).greatestDifference(from: rows))
            first += batch.rows
        }
        return greatest
    }

    @Test(
        "a row for each id: no budget, alpha = 0, top = 100%, R = 0, similarity 1 and tolerance 0",
        arguments: [
            ("dense", "weight"), ("hash", "weight"), ("qr", "dense"), ("adaptive:top=1", "weight"),
            ("deeplight", "weight"),
            ("dedup:similarity=1,tolerance=0", "weight"), ("autosrh", "weight"),
        ])
    func rows(_ example: (word: String, path: String)) throws {
        let table = try make(example.word)
        let weight = try parameter(example.path, of: table)
        if example.word == "adaptive:top=1" {
            // Its rows lie by falling occurrence: put each where it is looked up.
            var (first, permuted) = (0, weight.value)
            let probe = Tensor(
                shape: weight.shape,
                elements: (0..<weight.shape.reduce(1, *)).map { Float($0 / schema.width) })
            weight.value = probe
            for batch in TableFixtures.allIds(schema) {
                let places = table.embed(batch, mode: .inference)
                permuted.withUnsafeMutableBufferPointer { out in
                    for i in 0..<batch.rows {
                        for j in 0..<schema.width {
                            out[Int(places[i, 0]) * schema.width + j] = dense[first + i, j]
                        }
                    }
                }
                first += batch.rows
            }
            weight.value = permuted
        } else {
            weight.value = dense
        }
        #expect(try difference(table) <= 1e-5)
    }

    @Test("mixed dimensions with alpha = 0 are a row for each id")
    func mixedDimensions() throws {
        let table = try make("mde:alpha=0")
        var first = 0
        for (i, field) in schema.fields.enumerated() {
            try parameter("rows.\(i)", of: table).value = dense.slice(axis: 0, first..<first + field.count)
            first += field.count
        }
        #expect(try difference(table) <= 1e-5)
    }

    @Test("quotient and remainder with a modulus of all ids and Q = 1 are a row for each id")
    func quotientRemainder() throws {
        let table = try make("qr:modulus=1000")
        let remainders = try parameter("compressed.remainders", of: table)
        #expect(try parameter("compressed.quotients", of: table).value.elements.allSatisfy { $0 == 1 })
        var (first, value) = (0, remainders.value)
        value.withUnsafeMutableBufferPointer { out in
            for (place, field) in schema.fields.enumerated() {
                for id in 0..<field.count {
                    for j in 0..<schema.width {
                        out[(place * 1000 + id) * schema.width + j] = dense[first + id, j]
                    }
                }
                first += field.count
            }
        }
        remainders.value = value
        #expect(try difference(table) <= 1e-5)
    }

    @Test("OptEmbed with thresholds far below gives the logits of the dense table, bit for bit")
    func optEmbed() throws {
        let table = try make("optembed:search=rows")
        try parameter("weight", of: table).value = dense
        try parameter("thresholds", of: table).value = .full([schema.fields.count, 1], -1e9)
        let base = try make("dense")
        try parameter("weight", of: base).value = dense
        let (batch, _) = TableFixtures.examples(300, seed: 8)
        var random = RandomSource(seed: 3)
        let theta = Tensor.normal([schema.fields.count * schema.width, 1], using: &random)
        for mode in [ForwardMode.inference, .training(RandomStream(seed: 1))] {
            let mine = table.embed(batch, mode: mode).matmul(theta)
            #expect(mine.elements == base.embed(batch, mode: mode).matmul(theta).elements)
        }
        #expect(try difference(table) == 0)
    }

    @Test("every id has a pair of rows of its own", arguments: [2, 5, 31])
    func uniquePairs(_ modulus: Int) throws {
        let table = try make("qr:modulus=\(modulus),combine=sum")
        // Quotient q counts 1000 (q + 1), remainder r counts r: their sum is the pair.
        let (quotients, remainders) = (
            try parameter("compressed.quotients", of: table),
            try parameter("compressed.remainders", of: table)
        )
        func counting(_ shape: [Int], _ unit: Float) -> Tensor {
            Tensor(shape: shape, elements: (0..<shape[0] * shape[1]).map { unit * Float($0 / shape[1]) })
        }
        quotients.value = counting(quotients.shape, 1000)
        remainders.value = counting(remainders.shape, 1)
        var seen = Set<Float>()
        for batch in TableFixtures.allIds(schema) {
            let vectors = table.embed(batch, mode: .inference)
            for i in 0..<batch.rows { #expect(seen.insert(vectors[i, 0]).inserted) }
        }
        #expect(seen.count == schema.idCount)
    }
}
