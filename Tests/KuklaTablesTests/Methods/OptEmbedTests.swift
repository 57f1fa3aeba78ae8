import KuklaNN
import KuklaNumerics
import KuklaTables
import KuklaTensor
import Testing

@Suite struct OptEmbedTests {
    @Test("the step's slope is the long-tailed estimate at nine points")
    func slope() {
        let points: [Float] = [-1.5, -1, -0.7, -0.4, -0.1, 0, 0.25, 0.4, 1.01]
        let expected: [Float] = [0, 0.4, 0.4, 0.4, 1.6, 2, 1, 0.4, 0]
        let z = Tensor(points).watched()
        let result = z.longTailedStep()
        #expect(result.elements == [0, 0, 0, 0, 0, 0, 1, 1, 1])
        let slopes = result.sum().gradients()[z]?.dense.elements ?? []
        for (slope, expected) in zip(slopes, expected) { #expect(abs(slope - expected) < 1e-6) }
    }

    @Test("drawn widths are uniform, for each example and field by themselves")
    func widths() throws {
        let schema = TableFixtures.schema
        let table = try TableConfiguration(parsing: "optembed:search=widths").make(
            for: schema, budget: nil, seed: 1)
        let weight = try #require(table.parameters.first { $0.path == "weight" }).parameter
        weight.value = .ones(weight.shape)
        let (batch, _) = TableFixtures.examples(4000, seed: 2)
        let counts = table.embed(batch, mode: .training(RandomStream(seed: 6)))
            .reshaped([batch.ids.count, schema.width]).sum(axes: [1]).elements
        for field in schema.fields.indices {
            var histogram = [Double](repeating: 0, count: schema.width)
            for row in 0..<batch.rows { histogram[Int(counts[row * schema.fields.count + field]) - 1] += 1 }
            let expected = Double(batch.rows) / Double(schema.width)
            let chiSquare = histogram.reduce(0) { $0 + ($1 - expected) * ($1 - expected) / expected }
            // 1% of the chi-square distribution of 7 degrees of freedom lies above 18.475.
            #expect(chiSquare < 18.475, "field \(field): \(histogram)")
        }
        let sameRow = (0..<batch.rows).count { counts[$0 * 4] == counts[$0 * 4 + 1] }
        #expect(sameRow < batch.rows / 4, "fields of an example share their draws")
    }

    @Test("in inference all components are on")
    func inference() throws {
        let table = try TableConfiguration(parsing: "optembed").make(
            for: TableFixtures.schema, budget: nil, seed: 1)
        let weight = try #require(table.parameters.first { $0.path == "weight" }).parameter
        weight.value = .ones(weight.shape)
        let (batch, _) = TableFixtures.examples(50, seed: 2)
        #expect(table.embed(batch, mode: .inference).elements.allSatisfy { $0 == 1 })
    }

    @Test("thresholds learn, rows below theirs are zeros and are dropped")
    func thresholds() throws {
        let schema = TableFixtures.schema
        let table = try TableConfiguration(parsing: "optembed:rounds=0,population=1").make(
            for: schema, budget: nil, seed: 1)
        let parameters = table.parameters
        let thresholds = try #require(parameters.first { $0.path == "thresholds" }).parameter
        let weight = try #require(parameters.first { $0.path == "weight" }).parameter
        // Field 1: norms 0 to 59 times the width, of which those up to 40 lie below the threshold.
        weight.value = Tensor(
            shape: weight.shape,
            elements: (0..<schema.idCount).flatMap { row in
                [Float](repeating: row >= 3 && row < 63 ? Float(row - 3) : 1, count: schema.width)
            })
        thresholds.value = Tensor(shape: [4, 1], elements: [0, 40.5 * 8, 0, 0])
        let batch = IdBatch(ids: [0, 40, 41, 59], fields: [1])
        #expect(table.embed(batch, mode: .inference).sum(axes: [1]).elements == [0, 0, 41 * 8, 59 * 8])
        let stage = try #require(
            try table.nextStage(TableSearch(validationScore: { () throws(KuklaError) in 0.5 })))
        #expect(stage.network == .initial)
        let rows = try #require(stage.table.parameters.first { $0.path == "rows.1" }).parameter
        #expect(rows.shape == [19, 8])
        let served = try stage.table.served()
        #expect(served.byteCount == 4 * ((3 + 19 + 200 + 1000) * 8 + 1263))
        #expect(served.vectors(batch)[0, 0] == 0 && served.vectors(batch)[1, 0] == 0)
        #expect(served.vectors(batch)[2, 0] != 0 && served.vectors(batch)[3, 0] != 0)
    }

    @Test("evolution finds the widths of the best score, and keeps to the budget")
    func evolution() throws {
        // The score falls with the distance from widths that are not the start's.
        for budget in [nil, TableFixtures.schema.budget(share: 0.4)] {
            let table = try TableConfiguration(parsing: "optembed:rounds=40").make(
                for: TableFixtures.schema, budget: budget, seed: 1)
            let weight = try #require(table.parameters.first { $0.path == "weight" }).parameter
            weight.value = .ones(weight.shape)
            let wanted: [Float] = [7, 2, 5, 1]
            let batch = IdBatch(ids: [0, 0, 0, 0], fields: [0, 1, 2, 3])
            let search = TableSearch(validationScore: { () throws(KuklaError) in
                let widths = table.embed(batch, mode: .inference).reshaped([4, 8]).sum(axes: [1]).elements
                return -zip(widths, wanted).reduce(0.0) { $0 + Double(abs($1.0 - $1.1)) }
            })
            let stage = try #require(try table.nextStage(search))
            let found = stage.table.parameters.filter { $0.path.hasPrefix("rows.") }.map {
                Float($0.parameter.shape[1])
            }
            #expect(zip(found, wanted).allSatisfy { abs($0 - $1) <= 1 }, "\(found)")
            if let budget { #expect(try stage.table.served().byteCount <= budget) }
            #expect(
                table.embed(batch, mode: .inference).elements.allSatisfy { $0 == 1 }, "widths are left on")
        }
    }

    @Test("retraining starts from the initial weights, not from those of the search")
    func start() throws {
        let table = try TableConfiguration(parsing: "optembed:rounds=0,population=1").make(
            for: TableFixtures.schema, budget: nil, seed: 1)
        let weight = try #require(table.parameters.first { $0.path == "weight" }).parameter
        let initial = weight.value
        weight.value = weight.value * 3 + 1
        let stage = try #require(
            try table.nextStage(TableSearch(validationScore: { () throws(KuklaError) in 0 })))
        let rows = try #require(stage.table.parameters.first { $0.path == "rows.3" }).parameter
        #expect(rows.value.elements == initial.slice(axis: 0, 263..<1263).elements)
    }
}
