import KuklaNN
import KuklaNumerics
import KuklaTables
import KuklaTensor
import Testing

@Suite struct UnifiedTableTests {
    private let schema = TableFixtures.schema([40, 7, 300])

    private func make(_ word: String, _ schema: TableSchema, seed: UInt64 = 1) throws -> any EmbeddingTable {
        try TableConfiguration(parsing: word).make(for: schema, budget: nil, seed: seed)
    }

    private func weight(_ table: any EmbeddingTable) throws -> Parameter {
        try #require(table.parameters.first { $0.path == "weight" }).parameter
    }

    @Test(
        "with ranges of its own for each field it is separate tables, bit for bit: vectors, loss and gradients"
    )
    func disjoint() throws {
        let (batch, labels) = TableFixtures.examples(200, of: schema, seed: 3)
        let together = try make("unified:rows=60,ranges=separate", schema)
        let all = try weight(together).value
        var random = RandomSource(seed: 2)
        let theta = Tensor.normal([3 * 8, 1], using: &random)
        func loss(_ vectors: Tensor) -> Tensor {
            vectors.matmul(theta).reshaped([200]).binaryCrossEntropy(targets: labels)
        }
        let joint = together.embed(batch, mode: .training(RandomStream(seed: 1)))
        let jointLoss = loss(joint)
        let jointGradient = try #require(jointLoss.gradients()[try weight(together)]).dense

        // Where each field's rows begin: the least row that any id reaches.
        var starts: [Int] = [], parts: [Tensor] = [], tables: [any EmbeddingTable] = []
        try weight(together).value = Tensor(
            shape: all.shape, elements: (0..<60).flatMap { [Float](repeating: Float($0), count: 8) })
        for (field, ids) in TableFixtures.allIds(schema).enumerated() {
            let rows = Set(together.embed(ids, mode: .inference).elements.map { Int($0) })
            starts.append(rows.min() ?? 0)
            #expect(field == 0 || starts[field] > starts[field - 1])
        }
        #expect(starts[0] == 0)
        for field in 0..<3 {
            let end = field == 2 ? 60 : starts[field + 1]
            let own = TableSchema(fields: [schema.fields[field]], width: 8)
            let table = try make("unified:rows=\(end - starts[field])", own)
            try weight(table).value = all.slice(axis: 0, starts[field]..<end)
            let column = stride(from: field, to: batch.ids.count, by: 3).map { batch.ids[$0] }
            parts.append(
                table.embed(IdBatch(ids: column, fields: [0]), mode: .training(RandomStream(seed: 1))))
            tables.append(table)
        }
        let separate = Tensor.concatenated(parts, axis: 1)
        #expect(separate.elements == joint.elements)
        let separateLoss = loss(separate)
        #expect(separateLoss.item == jointLoss.item)
        let gradients = separateLoss.gradients()
        let separateGradient = try tables.flatMap { gradients[try weight($0)]?.dense.elements ?? [] }
        #expect(separateGradient == jointGradient.elements)
    }

    @Test("the rows of a field do not depend on the order of the fields, nor on other fields")
    func order() throws {
        func rows(_ schema: TableSchema, _ name: String) throws -> [Float] {
            let table = try make("unified:rows=1000,lookups=2", schema)
            try weight(table).value = Tensor(
                shape: [1000, 8], elements: (0..<8000).map { Float($0 / 8) })
            let field = try #require(schema.fields.firstIndex { $0.name == name })
            return table.embed(IdBatch(ids: (0..<40).map { $0 }, fields: [field]), mode: .inference).elements
        }
        let reversed = TableSchema(fields: schema.fields.reversed(), width: 8)
        let alone = TableSchema(fields: [schema.fields[0]], width: 8)
        let first = try rows(schema, "field0")
        #expect(try rows(reversed, "field0") == first)
        #expect(try rows(alone, "field0") == first)
        #expect(try rows(schema, "field2") != first)
        // The two lookups of an id are different rows, as a rule.
        #expect((0..<40).count { first[$0 * 16] == first[$0 * 16 + 8] } <= 1)
    }

    @Test("the same field and id give the same row in every process and version")
    func stable() throws {
        let table = try make("unified:rows=1000000", schema)
        try weight(table).value = Tensor(
            shape: [1_000_000, 8], elements: (0..<8_000_000).map { Float($0 / 8) })
        let vectors = table.embed(IdBatch(ids: [0, 1, 39, 0, 6, -1], fields: [0, 1]), mode: .inference)
        let found = (0..<6).map { Int(vectors[$0 / 2, $0 % 2 * 8]) }
        #expect(found == UnifiedTableTests.golden)
    }

    // Recorded once; a change breaks every table that was saved.
    private static let golden = [470_572, 24_734, 853_907, 259_851, 102_644, 328_835]

    @Test("ids of a field spread over all rows, and fields do not collide in step")
    func spread() throws {
        let large = TableFixtures.schema([20_000, 20_000], width: 1)
        let table = try make("unified:rows=1000", large)
        try weight(table).value = Tensor(shape: [1000, 1], elements: (0..<1000).map { Float($0) })
        let rows = TableFixtures.allIds(large).map {
            table.embed($0, mode: .inference).elements.map { Int($0) }
        }
        for own in rows {
            var histogram = [Double](repeating: 0, count: 1000)
            for row in own { histogram[row] += 1 }
            let chiSquare = histogram.reduce(0) { $0 + ($1 - 20) * ($1 - 20) / 20 }
            // 999 degrees of freedom: mean 999, deviation 45.
            #expect(chiSquare > 800 && chiSquare < 1200, "\(chiSquare)")
        }
        // The same number in two fields meets in one row as often as chance has it: 20 times, give or take.
        let collisions = zip(rows[0], rows[1]).count { $0 == $1 }
        #expect(collisions < 50, "\(collisions)")
    }

    @Test("several lookups give as many rows side by side")
    func lookups() throws {
        let table = try make("unified:rows=50,lookups=field0*3", schema)
        #expect(table.widths == [24, 8, 8])
        let batch = IdBatch(ids: [1, 2, 3, 4, 5, 6], fields: [0, 1, 2])
        #expect(table.embed(batch, mode: .inference).shape == [2, 40])
    }
}
