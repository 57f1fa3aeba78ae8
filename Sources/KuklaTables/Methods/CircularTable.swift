import KuklaNN
import KuklaNumerics
import KuklaTensor

/// ROBE: the chunks of all vectors are stretches of one circular array of floats, wherever a hash says, with hashed signs.
///
/// *Memory:* the budget to the last float, `|M|`; ten integers of the hashes are in the file's metadata. The floor is one vector.
/// An id that was never seen is hashed like any other.
///
/// *Source:* Desai, Chou and Shrivastava 2022, "Random offset block embedding (ROBE) for compressed embedding tables in deep learning
/// recommendation systems", MLSys. A chunk is the whole vector unless the option says otherwise.
enum CircularTable: TableMethod {
    static let word = "robe"
    static let summary = "stretches of one circular array, found by hashes (ROBE)"
    static let options = [
        TableOption(
            "chunk", "auto", .automatic(1...65_536), "components that lie together; auto: the whole vector")
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        4 * schema.width
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        let count = min((budget ?? schema.denseByteCount) / 4, Int(CircularHash.prime))
        var random = RandomSource(seed: seed)
        let hash = CircularHash(
            count: count, chunk: configuration.integer("chunk") ?? schema.width, using: &random)
        return TrainedCircle(configuration, schema, hash, using: &random)
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        let array: (storage: AlignedStorage<Float>, shape: [Int]) = try reader.array("weight", shape: [nil])
        let numbers = try reader.fact("hash", count: 8)
        guard numbers.allSatisfy({ $0 >= 0 && $0 < Int(CircularHash.prime) }),
            (schema.width...Int(CircularHash.prime)).contains(array.shape[0])
        else { throw reader.bad("its hashes or its \(array.shape[0]) floats are out of range") }
        let hash = CircularHash(
            count: array.shape[0], chunk: configuration.integer("chunk") ?? schema.width,
            numbers: numbers.map { UInt64($0) })
        return ServedCircle(configuration: configuration, schema: schema, hash: hash, weight: array.storage)
    }
}

/// Where the components of a vector lie in the circle, and with which sign.
///
/// Component j of id x of field e: place `((A e + B x + C (j div chunk) + D) mod P + j mod chunk) mod count`, sign by the last bit of a second
/// such hash of `(e, x, j)`.
struct CircularHash: Sendable {
    /// P.
    static let prime: UInt64 = 2_038_074_743
    let count: Int
    let chunk: Int
    /// A, B, C, D of places, then of signs.
    let numbers: [UInt64]

    init(count: Int, chunk: Int, numbers: [UInt64]) {
        self.count = count
        self.chunk = chunk
        self.numbers = numbers
    }

    init(count: Int, chunk: Int, using random: inout RandomSource) {
        self.init(
            count: count, chunk: chunk,
            numbers: (0..<8).map { _ in UInt64.random(in: 1..<Self.prime, using: &random) })
    }

    /// Calls `body` with each component, its place and its sign.
    @inline(__always)
    func forEach(field: Int, id: Int32, width: Int, _ body: (Int, Int, Float) -> Void) {
        let (p, id) = (Self.prime, UInt64(UInt32(bitPattern: id)))
        let field = UInt64(field)
        numbers.withUnsafeBufferPointer { n in
            // Each product is below 2^63: their sums are reduced before they can overflow.
            var place = ((n[0] * field) % p + (n[1] * id) % p + n[3]) % p
            var sign = ((n[4] * field) % p + (n[5] * id) % p + n[7]) % p
            for start in stride(from: 0, to: width, by: chunk) {
                var at = Int(place) % count
                for j in start..<min(start + chunk, width) {
                    body(j, at, sign & 1 == 0 ? 1 : -1)
                    at = at + 1 == count ? 0 : at + 1
                    sign += n[6]
                    if sign >= p { sign -= p }
                }
                place += n[2]
                if place >= p { place -= p }
            }
        }
    }
}

/// The trained circle.
final class TrainedCircle: EmbeddingTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let hash: CircularHash
    let weight: Parameter

    init(
        _ configuration: TableConfiguration, _ schema: TableSchema, _ hash: CircularHash,
        using random: inout RandomSource
    ) {
        self.configuration = configuration
        self.schema = schema
        self.hash = hash
        let bound = schema.initialBound
        weight = Parameter(.uniform([hash.count], in: -bound...bound, using: &random))
    }

    func visit(_ visitor: inout ModuleVisitor) { visitor.visit("weight", weight) }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let (circle, hash, width) = (weight.tensor, hash, schema.width)
        let columns = batch.fields.count
        let result = Tensor(shape: [batch.rows, columns * width]) { out in
            circle.withUnsafeBufferPointer { circle in
                for (i, id) in batch.ids.enumerated() {
                    hash.forEach(field: batch.fields[i % columns], id: id, width: width) { j, place, sign in
                        out[i * width + j] = sign * circle[place]
                    }
                }
            }
        }
        return result.recorded("circularLookup", from: [circle]) { gradient, accumulator in
            Tape.requireFirstOrder("circularLookup")
            accumulator.add(hash.gradient(gradient, batch, width: width), to: circle)
        }
    }

    func served() throws(KuklaError) -> any ServedTable {
        ServedCircle(
            configuration: configuration, schema: schema.bare, hash: hash, weight: weight.value.sharedStorage)
    }
}

extension CircularHash {
    /// What the gradient of a batch's vectors is for the circle.
    fileprivate func gradient(_ gradient: Tensor, _ batch: IdBatch, width: Int) -> Tensor {
        Tensor(shape: [count]) { sums in
            sums.update(repeating: 0)
            gradient.withUnsafeBufferPointer { gradient in
                for (i, id) in batch.ids.enumerated() {
                    forEach(field: batch.fields[i % batch.fields.count], id: id, width: width) {
                        j, place, sign in
                        sums[place] += sign * gradient[i * width + j]
                    }
                }
            }
        }
    }
}

/// The circle as it is used.
struct ServedCircle: ServedTable {
    let configuration: TableConfiguration
    let schema: TableSchema
    let hash: CircularHash
    let weight: AlignedStorage<Float>

    var arrays: [TableArray] { [TableArray("weight", [hash.count], weight)] }
    var facts: [String: [Int]] { ["hash": hash.numbers.map { Int($0) }] }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        let circle = weight.pointer
        hash.forEach(field: field, id: id, width: schema.width) { j, place, sign in
            out[j] = sign * circle[place]
        }
    }
}
