import Foundation
import KuklaFormats
import KuklaNN
import KuklaNumerics
import KuklaTables
import KuklaTensor
import KuklaTestSupport
import Testing

/// Compression of tables that are trained already.
@Suite struct FixedTableTests {
    private static let schema = TableFixtures.schema([3, 60, 600, 1000])

    /// A dense table whose fields have few directions: rank 3, and a little noise.
    private static func dense(noise: Float = 0.01) throws -> any ServedTable {
        let table = try TableConfiguration(parsing: "dense").make(for: schema, seed: 2)
        var random = RandomSource(seed: 4)
        let factors = Tensor.normal([schema.idCount, 3], using: &random)
        let directions = Tensor.normal([3, schema.width], using: &random)
        let noise = Tensor.normal([schema.idCount, schema.width], deviation: noise, using: &random)
        for named in table.parameters { named.parameter.value = factors.matmul(directions) + noise }
        return try table.served()
    }

    private static func compressed(
        _ word: String, share: Double? = nil, of table: any ServedTable
    ) throws -> any ServedTable {
        try TableConfiguration(parsing: word).compress(
            table, budget: share.map { table.schema.budget(share: $0) }, seed: 1)
    }

    @Test(arguments: TableConfiguration.fixedMethodWords)
    func `bytes keep to the budget, and the file has the same vectors`(_ word: String) throws {
        let dense = try Self.dense()
        let small = try Self.compressed(word, share: 0.6, of: dense)
        #expect(small.byteCount <= Self.schema.budget(share: 0.6))
        #expect(small.arrays.reduce(0) { $0 + $1.byteCount } == small.byteCount)
        let folder = try TemporaryFolder()
        let file = folder.url.appending(path: "table.safetensors")
        var writer = SafetensorsWriter(metadata: small.metadata)
        small.add(to: &writer)
        try writer.write(to: file)
        let loaded = try ServedTables.load(from: SafetensorsFile(file))
        #expect(loaded.configuration == small.configuration && loaded.byteCount == small.byteCount)
        for field in Self.schema.fields.indices {
            #expect(loaded.dense(field: field) == small.dense(field: field))
        }
        // An id that was never seen has no vector.
        let unseen = loaded.vectors(IdBatch(ids: [5000], fields: [2]))
        #expect(unseen.elements.allSatisfy { $0 == 0 })
    }

    @Test(arguments: [
        ("mde", 0.0), ("magnitude", 0.0), ("dedup:similarity=1,tolerance=0", 0.0), ("deeplight", 0.0),
        ("tt", 1e-8),
        ("int16", 1e-7), ("alpt:bits=16", 1e-7), ("int8", 2e-3), ("alpt", 2e-4),
    ])
    func `without a budget little or nothing is lost`(_ word: String, _ error: Double) throws {
        let dense = try Self.dense()
        #expect(try Self.compressed(word, of: dense).relativeError(to: dense) <= error)
    }

    @Test func `three directions are found, and others are not paid for`() throws {
        let dense = try Self.dense(noise: 0)
        // Rows of width 3 and a projection of each field but the first, which has 3 rows.
        let floats = 3 * 8 + 3 * (60 + 8) + 3 * (600 + 8) + 3 * (1000 + 8)
        let small = try TableConfiguration(parsing: "mde").compress(dense, budget: 4 * floats)
        #expect(small.byteCount == 4 * floats)
        #expect(small.relativeError(to: dense) < 1e-9)
        let less = try TableConfiguration(parsing: "mde").compress(dense, budget: 4 * floats - 4)
        #expect(less.relativeError(to: dense) > 1e-8)
    }

    /// One field of 1,000 ids: every tenth vector is a hundred times as long as the others and has all directions, the others have two.
    private static func unequal(width: Int = 48) -> Matrix {
        var random = RandomSource(seed: 6)
        let long = Tensor.normal([1000, width], deviation: 10, using: &random)
        let short = Tensor.normal([1000, 2], using: &random).matmul(
            .normal([2, width], deviation: 0.1, using: &random))
        let isLong = Tensor(shape: [1000, 1], elements: (0..<1000).map { $0 % 10 == 0 ? 1 : 0 })
        return (long * isLong + short * (1 - isLong)).matrix
    }

    @Test(arguments: [("mde", 0.3, 0.5), ("dpq", 0.5, 0.9)])
    func `groups by length spend bytes on the long vectors`(_ of: String, _ share: Double, _ most: Double)
        throws
    {
        let matrix = Self.unequal()
        let budget = 4 * Int(share * Double(matrix.rows * matrix.columns))
        let alike = try TableConfiguration(parsing: of).compress(matrix, budget: budget)
        let grouped = try TableConfiguration(parsing: "magnitude:groups=10,of=\(of)").compress(
            matrix, budget: budget)
        #expect(grouped.byteCount <= budget)
        let (a, b) = (alike.relativeError(to: matrix), grouped.relativeError(to: matrix))
        #expect(b < most * a, "\(b) in groups, \(a) without")
    }

    @Test func `bytes of groups go where they save most, and a lower budget never saves more`() throws {
        let matrix = Self.unequal()
        let errors = try [0.1, 0.2, 0.4, 0.8].map { share in
            try TableConfiguration(parsing: "magnitude").compress(
                matrix, budget: 4 * Int(share * Double(matrix.rows * matrix.columns))
            ).relativeError(to: matrix)
        }
        #expect(errors == errors.sorted(by: >), "\(errors)")
    }

    @Test func `groups by length are for trained vectors only`() throws {
        let error = #expect(throws: KuklaError.self) {
            try TableConfiguration(parsing: "magnitude").make(for: Self.schema, seed: 1)
        }
        #expect(error?.code == .usage && error?.message.contains("kukla tables compress") == true)
        #expect(!TableConfiguration.methodWords.contains("magnitude"))
        #expect(throws: KuklaError.self) {
            try TableConfiguration(parsing: "magnitude").compress(Matrix(rows: 0, columns: 4))
        }
    }

    @Test func `a file whose ranks lie outside its field is refused`() throws {
        let small = try TableConfiguration(parsing: "magnitude").compress(Self.unequal())
        let folder = try TemporaryFolder()
        let file = folder.url.appending(path: "table.safetensors")
        var writer = SafetensorsWriter(metadata: small.metadata)
        for array in small.arrays {
            var bytes = array.withUnsafeBytes { Data($0) }
            if array.name == "ranks" { bytes[3] = 0x7F }
            writer.add(
                bytes: bytes, named: "table." + array.name, elementType: array.elementType, shape: array.shape
            )
        }
        try writer.write(to: file)
        let error = #expect(throws: KuklaError.self) { try ServedTables.load(from: SafetensorsFile(file)) }
        #expect(error?.code == .badData && error?.message.contains("ranks") == true)
    }

    @Test func `a tensor train is found again, and nears other tables the more the larger its rank`() throws {
        // 10 x 10 x 10 ids: where ids are missing, what stands in their place is no part of the train.
        let full = TableFixtures.schema([3, 1000])
        let budget = full.budget(share: 0.2)
        let train = try TableConfiguration(parsing: "tt").make(for: full, budget: budget, seed: 3).served()
        let again = try TableConfiguration(parsing: "tt").compress(train, budget: budget)
        #expect(again.byteCount == train.byteCount)
        let error = again.relativeError(to: train)
        #expect(error < 1e-6)
        let dense = try Self.dense()
        let errors = try [0.2, 0.4, 0.8].map { share in
            try Self.compressed("tt", share: share, of: dense).relativeError(to: dense)
        }
        #expect(errors[0] > errors[1] && errors[1] > errors[2], "\(errors)")
    }

    @Test func `product codes are nearest centres`() throws {
        let dense = try Self.dense()
        let few = try Self.compressed("dpq:codes=16,parts=4", of: dense)
        let many = try Self.compressed("dpq:codes=64,parts=4", of: dense)
        let (a, b) = (few.relativeError(to: dense), many.relativeError(to: dense))
        #expect(b < a && a < 0.3, "\(a) \(b)")
        #expect(throws: KuklaError.self) { try Self.compressed("dpq:codes=20", of: dense) }
    }

    @Test func `what only training can make is refused, with what can be made`() throws {
        let dense = try Self.dense()
        do throws(KuklaError) {
            _ = try TableConfiguration(parsing: "hash").compress(dense)
            Issue.record("hashed rows were made of trained vectors")
        } catch {
            #expect(error.code == .usage && error.message.contains("int8") && error.message.contains("mde"))
        }
        #expect(throws: KuklaError.self) { try Self.compressed("int16", share: 0.3, of: dense) }
        let wide = try TableConfiguration(parsing: "unified:rows=100,lookups=field1*2").make(
            for: Self.schema, seed: 1
        ).served()
        #expect(throws: KuklaError.self) { try Self.compressed("int8", of: wide) }
    }
}
