import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaTables
import KuklaTensor
import KuklaTestSupport
import Testing

/// One table to hold against the protocol. To add a method, append a line to `all`.
struct TableCase: CustomTestStringConvertible, Sendable {
    let word: String
    /// Share of the dense table that it is made within; nil: no budget.
    let share: Double?
    /// Bytes by the method's formula, from the served table's facts.
    let formula: @Sendable (any ServedTable) -> Int

    init(_ word: String, _ share: Double?, formula: @escaping @Sendable (any ServedTable) -> Int) {
        self.word = word
        self.share = share
        self.formula = formula
    }

    var testDescription: String { "\(word) at \(share.map { "\($0)" } ?? "no budget")" }

    var budget: Int? { share.map { TableFixtures.schema.budget(share: $0) } }

    func make(seed: UInt64 = 7) throws -> any EmbeddingTable {
        try TableConfiguration(parsing: word).make(for: TableFixtures.schema, budget: budget, seed: seed)
    }

    static let all: [TableCase] = {
        let (counts, d) = (TableFixtures.counts, TableFixtures.width)
        let n = counts.reduce(0, +)
        // Floats of fields, each compressed or dense, whichever is less.
        @Sendable func fields(_ floats: (Int) -> Int) -> Int {
            counts.reduce(0) { $0 + min($1 * d, floats($1)) }
        }
        @Sendable func pairs(_ table: any ServedTable) -> Int {
            let m = table.facts["modulus"]?[0] ?? 1
            return 4 * fields { (($0 + m - 1) / m + m) * d }
        }
        @Sendable func train(_ table: any ServedTable) -> Int {
            let r = table.facts["rank"]?[0] ?? 0
            return 4
                * fields { n in
                    let n1 = Int(ceil(pow(Double(n), 1.0 / 3) - 1e-9))
                    let n2 = Int(ceil((Double(n) / Double(n1)).squareRoot() - 1e-9))
                    let n3 = (n + n1 * n2 - 1) / (n1 * n2)
                    return r * (n1 * 2 + n2 * 2 * r + n3 * 2)
                }
        }
        @Sendable func hashRows(_ table: any ServedTable) -> Int {
            4 * d * (table.facts["rows"] ?? []).reduce(0, +)
        }
        @Sendable func network(_ table: any ServedTable) -> Int {
            let (k, w) = (16, table.arrays.first { $0.name.hasSuffix(".0.bias") }?.shape[0] ?? 0)
            return 4 * fields { _ in (k + 1) * w + 4 * w * (w + 1) + (w + 1) * d + 10 * w }
        }
        @Sendable func codes(_ table: any ServedTable, high: Int, low: Int, hasFlags: Bool) -> Int {
            let parts = table.facts["parts"]?[0] ?? 0
            let isCompressed = (table.facts["compressed"] ?? []).map { $0 != 0 }
            let bits = { (rows: Int) in Int(log2(Double(rows)).rounded(.up)) }
            var (bytes, highBits, lowBits) = (0, 0, 0)
            for (count, compressed) in zip(counts, isCompressed) {
                guard compressed else {
                    bytes += 4 * count * d
                    continue
                }
                let frequent = hasFlags ? Int((0.1 * Double(count)).rounded()) : count
                bytes += 4 * high * d + (hasFlags ? 4 * count : 0)
                highBits += frequent * parts * bits(high)
                lowBits += (count - frequent) * parts * bits(low)
            }
            return bytes + (highBits + 7) / 8 + (lowBits + 7) / 8
        }
        @Sendable func shared(_ table: any ServedTable) -> Int {
            4 * ((table.facts["shared"]?[1] ?? 0) * d + n)
        }
        @Sendable func projected(_ table: any ServedTable) -> Int {
            4
                * counts.indices.reduce(0) { sum, f in
                    let width = table.arrays.first { $0.name == "rows.\(f)" }?.shape[1] ?? 0
                    return sum + counts[f] * width + (width == d ? 0 : width * d)
                }
        }
        @Sendable func sparse(_ table: any ServedTable) -> Int {
            let kept = table.arrays.first { $0.name == "values" }?.shape[0] ?? 0
            return 4 * (table.facts["csr"] == [1] ? 2 * kept + n + 1 : 3 * kept)
        }
        @Sendable func blocks(_ table: any ServedTable, rows: Int) -> Int {
            4 * ((table.facts["kept"]?[0] ?? 0) * rows * d + (n + rows - 1) / rows)
        }
        @Sendable func biased(_ table: any ServedTable) -> Int {
            4
                * counts.indices.reduce(0) { sum, f in
                    let width = table.arrays.first { $0.name == "rows.\(f)" }?.shape[1] ?? 0
                    return sum + counts[f] * width + width * d + d
                }
        }
        @Sendable func mixedRows(_ table: any ServedTable) -> Int {
            4
                * (n
                    + counts.indices.reduce(0) { sum, f in
                        let shape = table.arrays.first { $0.name == "rows.\(f)" }?.shape ?? [0, 0]
                        return sum + shape[0] * shape[1]
                    })
        }
        return [
            TableCase("dense", nil) { _ in 4 * n * d },
            TableCase("dense", 1) { _ in 4 * n * d },
            TableCase("hash", nil) { _ in 4 * n * d },
            TableCase("hash", 0.5, formula: hashRows),
            TableCase("hash:keep=3", 0.1, formula: hashRows),
            TableCase("hash:ids=mixed", 0.3, formula: hashRows),
            TableCase("qr", nil) { _ in 4 * n * d },
            TableCase("qr", 0.5, formula: pairs),
            TableCase("qr:combine=sum", 0.2, formula: pairs),
            TableCase("tt", 0.5, formula: train),
            TableCase("tt", 0.1, formula: train),
            TableCase("dhe:hashes=16", 0.4, formula: network),
            TableCase("dhe:hashes=16,numbers=normal", 0.15, formula: network),
            TableCase("robe", nil) { _ in 4 * n * d },
            TableCase("robe", 0.1) { _ in 4 * (n * d / 10) },
            TableCase("robe:chunk=3", 0.1) { _ in 4 * (n * d / 10) },
            TableCase("mgqe:high=32,low=16", 0.6) { codes($0, high: 32, low: 16, hasFlags: true) },
            TableCase("mgqe:high=20,low=10", 0.45) { codes($0, high: 20, low: 10, hasFlags: true) },
            TableCase("dpq:codes=16", 0.2) { codes($0, high: 16, low: 16, hasFlags: false) },
            TableCase("dpq:codes=5", 0.2) { codes($0, high: 5, low: 5, hasFlags: false) },
            TableCase("adaptive", 0.5, formula: shared),
            TableCase("adaptive:top=0.02", 0.2, formula: shared),
            TableCase("int8", 0.25) { _ in n * d },
            TableCase("int16", nil) { _ in 2 * n * d },
            TableCase("alpt", 0.5) { _ in n * d + 4 * n },
            TableCase("alpt:bits=16", nil) { _ in 2 * n * d + 4 * n },
            TableCase("mde", 0.5, formula: projected),
            TableCase("mde", 0.2, formula: projected),
            TableCase("dedup", nil) { blocks($0, rows: 32) },
            TableCase("dedup:block=8", 0.5) { blocks($0, rows: 8) },
            TableCase("dedup:block=16", 0.1) { blocks($0, rows: 16) },
            TableCase("autodim:rate=1", nil, formula: biased),
            TableCase("autodim:rate=1", 0.5, formula: biased),
            TableCase("optembed:rounds=2,rate=0.5,alpha=0.01", nil, formula: mixedRows),
            TableCase("optembed:rounds=2", 0.3, formula: mixedRows),
            TableCase("optembed:search=rows,rate=2,alpha=0.1", 0.5, formula: mixedRows),
            TableCase("optembed:search=widths,rounds=1", 0.5, formula: mixedRows),
            TableCase("deeplight:pace=1", 0.5) { _ in 4 * (2 * ((n * d / 2 - n - 1) / 2) + n + 1) },
            TableCase("deeplight:pace=1", 0.1) { _ in 12 * (n * d / 10 / 3) },
            TableCase("deeplight", nil, formula: sparse),
            TableCase("autosrh", 0.5, formula: sparse),
            TableCase("autosrh:groups=3,rate=0.1", 0.2, formula: sparse),
            TableCase("pep:start=-5,pull=0.01", 0.5, formula: sparse),
            TableCase("pep", 0.1, formula: sparse),
            TableCase("qr:modulus=7", nil) { _ in 4 * d * counts.reduce(0) { $0 + ($1 + 6) / 7 + 7 } },
            TableCase("unified:ranges=separate", 0.3) { _ in 4 * d * (n * 3 / 10) },
            TableCase("unified:store=autosrh", 0.2, formula: sparse),
            TableCase("mde:alpha=0", nil) { _ in 4 * n * d },
            TableCase("unified", 0.1) { _ in 4 * d * (n / 10) },
            TableCase("unified:rows=50,lookups=field3*2+field1*3", nil) { _ in 4 * d * 50 },
            TableCase("unified:store=robe", 0.1) { _ in 4 * (n * d / 10) },
            TableCase("unified:rows=500,store=qr", 0.1) { table in
                let m = table.facts["modulus"]?[0] ?? 1
                return 4 * ((500 + m - 1) / m + m) * d
            },
        ]
    }()
}

@Suite struct TableConformanceTests {
    @Test("what is saved is the formula to the byte, and within the budget", arguments: TableCase.all)
    func bytes(_ example: TableCase) throws {
        let training = TinyTraining(try example.make())
        try training.run(steps: 3)
        let served = try training.table.served()
        #expect(served.byteCount == example.formula(served))
        if let budget = example.budget { #expect(served.byteCount <= budget) }
        let folder = try TemporaryFolder()
        let (_, file) = try served.saved(in: folder)
        let size = try FileManager.default.attributesOfItem(atPath: file.path)[.size] as? Int ?? 0
        let header = try Data(contentsOf: file).prefix(8).withUnsafeBytes {
            Int($0.loadUnaligned(as: UInt64.self))
        }
        #expect(size == 8 + header + served.byteCount)
    }

    @Test("gradients reach every trained parameter, and training lowers the loss", arguments: TableCase.all)
    func training(_ example: TableCase) throws {
        let training = TinyTraining(try example.make())
        let gradients = training.gradients()
        for named in training.table.trainableParameters {
            let gradient = try #require(gradients[named.parameter], "no gradient of \(named.path)")
            #expect(gradient.dense.elements.contains { $0 != 0 }, "the gradient of \(named.path) is zero")
            #expect(gradient.dense.elements.allSatisfy { $0.isFinite })
        }
        try training.run(steps: 60)
        let (first, last) = (training.losses.prefix(5).reduce(0, +), training.losses.suffix(5).reduce(0, +))
        #expect(last < first, "\(first / 5) to \(last / 5)")
    }

    // Of methods whose vectors change smoothly with what they are made of; ids repeat, and some were never seen.
    @Test(
        "the gradient is that of central differences",
        arguments: TableCase.all.filter { example in
            ["dense", "hash", "qr", "tt", "dhe", "robe", "mde", "unified"].contains {
                example.word == $0 || example.word.hasPrefix($0 + ":")
            } && !example.word.contains("autosrh")
        })
    func gradient(_ example: TableCase) throws {
        let table = try example.make()
        let examples = TableFixtures.examples(40, seed: 3).batch
        let batch = IdBatch(ids: examples.ids + [-1, 60, 1, .max], fields: examples.fields)
        var random = RandomSource(seed: 11)
        let slopes = Tensor.normal(table.embed(batch, mode: .inference).shape, using: &random)
        func loss() -> Tensor { (table.embed(batch, mode: .training(RandomStream(seed: 1))) * slopes).sum() }
        let gradients = loss().gradients()
        for named in table.trainableParameters {
            let gradient = try #require(gradients[named.parameter]).dense
            let start = named.parameter.value
            // Along the gradient the change is greatest, and that of rounding least.
            let direction = gradient / gradient.square().sum().item.squareRoot()
            let step: Float = 1e-2
            named.parameter.value = start + direction * step
            let above = loss().item
            named.parameter.value = start - direction * step
            let below = loss().item
            named.parameter.value = start
            let (found, expected) = ((above - below) / (2 * step), (gradient * direction).sum().item)
            // A shift before batch normalisation has no slope but rounding.
            #expect(
                abs(found - expected) <= 0.02 * abs(expected) + 2e-3, "\(named.path): \(found), \(expected)")
        }
    }

    @Test(
        "the served table gives what the trained one does, known and unseen ids alike",
        arguments: TableCase.all)
    func serving(_ example: TableCase) throws {
        let training = TinyTraining(try example.make())
        try training.run(steps: 20)
        let table = training.table
        let served = try table.served()
        #expect(served.widths == table.widths)
        for batch in TableFixtures.allIds(table.schema) {
            let difference = table.embed(batch, mode: .inference).greatestDifference(
                from: served.vectors(batch))
            #expect(difference <= 2e-6, "field \(batch.fields[0])")
        }
        let unseen = IdBatch(
            ids: [3, 60, 200, 1000, -1, .max, .min, 5000, 2, 59, 199, 999], fields: [0, 1, 2, 3])
        let vectors = served.vectors(unseen)
        #expect(vectors.elements.allSatisfy { $0.isFinite })
        #expect(table.embed(unseen, mode: .inference).greatestDifference(from: vectors) <= 2e-6)
        // Columns in another order, one twice.
        let mixed = IdBatch(ids: [100, 5, 7, 2, 3, 0], fields: [2, 1, 2])
        #expect(table.embed(mixed, mode: .inference).greatestDifference(from: served.vectors(mixed)) <= 2e-6)
    }

    @Test("a table that is saved and loaded is the same table", arguments: TableCase.all)
    func saving(_ example: TableCase) throws {
        let training = TinyTraining(try example.make())
        try training.run(steps: 3)
        let served = try training.table.served()
        let folder = try TemporaryFolder()
        let (loaded, _) = try served.saved(in: folder)
        #expect(loaded.configuration == served.configuration)
        #expect(loaded.byteCount == served.byteCount)
        #expect(loaded.facts == served.facts)
        #expect(loaded.widths == served.widths)
        for batch in TableFixtures.allIds(served.schema) + [IdBatch(ids: [-1, 7000, 9, 12], fields: [3])] {
            #expect(loaded.vectors(batch).elements == served.vectors(batch).elements)
        }
    }

    @Test(
        "a budget below the floor is refused and the floor is named; the floor itself is enough",
        arguments: TableCase.all)
    func floor(_ example: TableCase) throws {
        let configuration = try TableConfiguration(parsing: example.word)
        let floor = try configuration.floor(for: TableFixtures.schema)
        #expect(floor > 0)
        let error = #expect(throws: KuklaError.self) {
            try configuration.make(for: TableFixtures.schema, budget: floor - 1, seed: 1)
        }
        #expect(error?.code == .usage)
        #expect(error?.message.contains("\(floor) bytes") == true)
        let training = TinyTraining(try configuration.make(for: TableFixtures.schema, budget: floor, seed: 1))
        try training.run(steps: 2)
        #expect(try training.table.served().byteCount <= floor)
    }

    @Test("the same seed gives the same table, another seed another", arguments: TableCase.all)
    func seeds(_ example: TableCase) throws {
        func vectors(_ seed: UInt64) throws -> [Float] {
            let training = TinyTraining(try example.make(seed: seed))
            try training.run(steps: 3)
            return try training.table.served().vectors(TableFixtures.examples(50, seed: 9).batch).elements
        }
        let first = try vectors(1)
        #expect(try vectors(1) == first)
        #expect(try vectors(2) != first)
    }

    @Test("every method is in the list of cases")
    func completeness() {
        let words = Set(TableCase.all.map { $0.word.split(separator: ":")[0] }.map(String.init))
        #expect(words == Set(TableConfiguration.methodWords))
        for word in TableConfiguration.methodWords { #expect(TableConfiguration.summary(of: word) != nil) }
    }
}

extension Tensor {
    /// The greatest difference of two elements at the same place.
    func greatestDifference(from other: Tensor) -> Float {
        guard shape == other.shape else { return .infinity }
        return zip(elements, other.elements).reduce(0) { Swift.max($0, Swift.abs($1.0 - $1.1)) }
    }
}
