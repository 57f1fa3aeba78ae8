import CKernels
import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor

/// Deep hash embeddings: no table at all; many hashes of an id, as real numbers, go through a network of the field.
///
/// `h_k(i) = ((a_k i + b_k) mod p_k) mod 10^6`, k < K, scaled to [-1, 1] (or, in pairs, made normal by Box and Muller); then five times a linear map to
/// w, batch normalisation and Mish, and a linear map to d. *Floats:* `(K + 1) w + 4 w (w + 1) + (w + 1) d + 10 w` a field; a field that this
/// does not shrink keeps its rows. w is the largest within the budget. An id that was never seen is hashed like any other.
///
/// Differs from the paper: K is 64, not 1024, which alone costs more than a small table. *Source:* Kang, Cheng, Yao et al. 2021, "Learning to
/// embed categorical features without embedding tables for recommendation", KDD, arXiv:2010.10784.
enum DeepHash: TableMethod {
    static let word = "dhe"
    static let summary = "a network over many hashes of the id instead of a table (DHE)"
    static let options = [
        TableOption("hashes", "64", .integer(2...4096), "hashes of an id"),
        TableOption(
            "numbers", "uniform", .choice(["uniform", "normal"]),
            "the distribution that they are made to have"),
    ]

    static func floor(_ configuration: TableConfiguration, _ schema: TableSchema) throws(KuklaError) -> Int {
        4 * floats(configuration, schema, width: 1)
    }

    static func make(
        _ configuration: TableConfiguration, _ schema: TableSchema, budget: Int?, seed: UInt64
    ) throws(KuklaError) -> any EmbeddingTable {
        let limit = (budget ?? schema.denseByteCount) / 4
        let dense = schema.idCount * schema.width
        var width = 1
        while floats(configuration, schema, width: width) < dense,
            floats(configuration, schema, width: width + 1) <= limit
        { width += 1 }
        let hashes = configuration.integer("hashes") ?? 64
        let split = FieldSplit(schema) { _ in networkFloats(hashes, width, schema.width) }
        return SplitTable(configuration, split, seed: seed) { random in
            HashNetworks(
                HashFamily(configuration, seed: seed), fields: split.compressed, width: width,
                output: schema.width, seed: seed, using: &random)
        }
    }

    static func load(
        _ configuration: TableConfiguration, _ schema: TableSchema, from reader: TableReader
    ) throws(KuklaError) -> any ServedTable {
        try ServedSplit(configuration, schema, from: reader) { split throws(KuklaError) in
            let seed = try reader.fact("hash_seed", count: 1)[0]
            let family = HashFamily(configuration, seed: UInt64(bitPattern: Int64(seed)))
            var layers: [[ServedNetworks.Layer]] = []
            for place in split.compressed.indices {
                var (network, inputs) = ([ServedNetworks.Layer](), family.count)
                for layer in 0...5 {
                    let name = "network.\(place).\(layer)"
                    let isLast = layer == 5
                    let weight: (storage: AlignedStorage<Float>, shape: [Int]) = try reader.array(
                        name + ".weight", shape: [isLast ? schema.width : nil, inputs])
                    let outputs = weight.shape[0]
                    let bias: AlignedStorage<Float> = try reader.array(name + ".bias", shape: [outputs])
                        .storage
                    let norm: AlignedStorage<Float>? =
                        isLast ? nil : try reader.array(name + ".norm", shape: [2, outputs]).storage
                    network.append(
                        .init(
                            inputs: inputs, outputs: outputs, weight: weight.storage, bias: bias, norm: norm))
                    inputs = outputs
                }
                layers.append(network)
            }
            return ServedNetworks(family: family, seed: seed, fields: split.compressed, networks: layers)
        }
    }

    private static func floats(_ configuration: TableConfiguration, _ schema: TableSchema, width: Int) -> Int
    {
        FieldSplit.floatCount(schema) { _ in
            networkFloats(configuration.integer("hashes") ?? 64, width, schema.width)
        }
    }

    /// Floats of one field's network: weights, biases, and a scale and a shift for each of five normalisations.
    static func networkFloats(_ hashes: Int, _ w: Int, _ d: Int) -> Int {
        (hashes + 1) * w + 4 * w * (w + 1) + (w + 1) * d + 10 * w
    }
}

/// K hash functions of an id, as real numbers.
struct HashFamily: Sendable {
    let count: Int
    private let isNormal: Bool
    private let a: [UInt64], b: [UInt64], p: [UInt64]
    private static let range: UInt64 = 1_000_000

    init(_ configuration: TableConfiguration, seed: UInt64) {
        count = configuration.integer("hashes") ?? 64
        isNormal = configuration.text("numbers") == "normal"
        var random = RandomSource(seed: seed ^ 0xD4E)
        p = (0..<count).map { _ in Self.prime(from: UInt64.random(in: Self.range..<1 << 30, using: &random)) }
        a = p.map { UInt64.random(in: 1..<$0, using: &random) }
        b = p.map { UInt64.random(in: 0..<$0, using: &random) }
    }

    /// The numbers of one id.
    func write(_ id: Int32, to out: UnsafeMutablePointer<Float>) {
        let id = UInt64(UInt32(bitPattern: id))
        for k in 0..<count {
            // a < 2^31 and id < 2^32: the product fits 64 bits, as it would not fit 32.
            let hash = (a[k] * id + b[k]) % p[k] % Self.range
            out[k] = (Float(hash) + 0.5) / Float(Self.range)
        }
        guard isNormal else {
            for k in 0..<count { out[k] = 2 * out[k] - 1 }
            return
        }
        for k in stride(from: 0, to: count - 1, by: 2) {
            let (radius, angle) = ((-2 * log(out[k])).squareRoot(), 2 * Float.pi * out[k + 1])
            (out[k], out[k + 1]) = (radius * cos(angle), radius * sin(angle))
        }
        if count.isMultiple(of: 2) == false { out[count - 1] = 2 * out[count - 1] - 1 }
    }

    // The first prime from `start` on.
    private static func prime(from start: UInt64) -> UInt64 {
        var candidate = start | 1
        while !isPrime(candidate) { candidate += 2 }
        return candidate
    }

    private static func isPrime(_ n: UInt64) -> Bool {
        var divisor: UInt64 = 3
        while divisor * divisor <= n {
            if n.isMultiple(of: divisor) { return false }
            divisor += 2
        }
        return n > 2 && !n.isMultiple(of: 2)
    }
}

/// The trained networks, one for each compressed field.
final class HashNetworks: TrainedGroup {
    let family: HashFamily
    let fields: [Int]
    let networks: [HashNetwork]
    private let seedOfFamily: Int
    private let output: Int

    init(
        _ family: HashFamily, fields: [Int], width: Int, output: Int, seed: UInt64,
        using random: inout RandomSource
    ) {
        self.family = family
        self.fields = fields
        self.output = output
        seedOfFamily = Int(Int64(bitPattern: seed))
        var networks: [HashNetwork] = []
        for _ in fields { networks.append(HashNetwork(family.count, width, output, using: &random)) }
        self.networks = networks
    }

    func visit(_ visitor: inout ModuleVisitor) { visitor.visit("network", networks) }

    func embed(_ batch: IdBatch, mode: ForwardMode) -> Tensor {
        let (family, columns) = (family, batch.fields.count)
        let parts = batch.fields.enumerated().map { column, field in
            let numbers = Tensor(shape: [batch.rows, family.count]) { out in
                guard let to = out.baseAddress else { return }
                for row in 0..<batch.rows {
                    family.write(batch.ids[row * columns + column], to: to + row * family.count)
                }
            }
            return networks[fields.firstIndex(of: field)!](numbers, mode: mode)
        }
        return Tensor.concatenated(parts, axis: 1).reshaped([batch.ids.count, output])
    }

    func served() throws(KuklaError) -> any ServedGroup {
        ServedNetworks(
            family: family, seed: seedOfFamily, fields: fields, networks: networks.map { $0.servedLayers() })
    }
}

/// Five linear maps with batch normalisation and Mish, and a linear map.
struct HashNetwork: Module {
    let maps: [Linear]
    let norms: [BatchNorm]

    init(_ inputs: Int, _ width: Int, _ outputs: Int, using random: inout RandomSource) {
        var maps: [Linear] = []
        for layer in 0..<6 {
            maps.append(Linear(layer == 0 ? inputs : width, layer == 5 ? outputs : width, using: &random))
        }
        self.maps = maps
        norms = (0..<5).map { _ in BatchNorm(width) }
    }

    func visit(_ visitor: inout ModuleVisitor) {
        visitor.visit("map", maps)
        visitor.visit("norm", norms)
    }

    func callAsFunction(_ x: Tensor, mode: ForwardMode) -> Tensor {
        var x = x
        for (map, norm) in zip(maps, norms) {
            let y = norm(map(x), mode: mode)
            x = y * y.softplus().tanh()
        }
        return maps[5](x)
    }

    func servedLayers() -> [ServedNetworks.Layer] {
        maps.enumerated().map { i, map in
            ServedNetworks.Layer(
                inputs: map.inputDimensions, outputs: map.outputDimensions,
                weight: map.weight.value.sharedStorage,
                bias: (map.bias?.value ?? .zeros([map.outputDimensions])).sharedStorage,
                norm: i < 5 ? norms[i].scaleAndShift.sharedStorage : nil)
        }
    }
}

extension BatchNorm {
    /// What it does in use as `scale x + shift`, `[2, channels]`.
    fileprivate var scaleAndShift: Tensor {
        let scale = weight.value * (runningVariance.value + epsilon).rsqrt()
        return Tensor.concatenated([scale, bias.value - runningMean.value * scale]).reshaped([2, -1])
    }
}

/// The networks as they are used.
struct ServedNetworks: ServedGroup {
    struct Layer: Sendable {
        let inputs: Int, outputs: Int
        let weight: AlignedStorage<Float>
        let bias: AlignedStorage<Float>
        /// Scales, then shifts; nil at the last layer.
        let norm: AlignedStorage<Float>?

        func apply(_ x: UnsafePointer<Float>, to out: UnsafeMutablePointer<Float>) {
            kk_distance_kernels_for(CPULevel.current.kernelLevel).pointee
                .dot_rows_f32(x, weight.pointer, outputs, inputs, out)
            let bias = bias.pointer
            guard let norm = norm?.pointer else {
                for i in 0..<outputs { out[i] += bias[i] }
                return
            }
            for i in 0..<outputs { out[i] = norm[i] * (out[i] + bias[i]) + norm[outputs + i] }
            withUnsafeTemporaryAllocation(of: Float.self, capacity: outputs) { gates in
                let (gates, activate) = (gates.baseAddress!, trainingKernels.function_rows)
                activate(out, nil, nil, gates, 1, outputs, kk_function_softplus)
                activate(gates, nil, nil, gates, 1, outputs, kk_function_tanh)
                for i in 0..<outputs { out[i] *= gates[i] }
            }
        }
    }

    let family: HashFamily
    let seed: Int
    let fields: [Int]
    let networks: [[Layer]]

    var arrays: [TableArray] {
        networks.enumerated().flatMap { place, layers in
            layers.enumerated().flatMap { i, layer -> [TableArray] in
                let name = "network.\(place).\(i)"
                return [
                    TableArray(name + ".weight", [layer.outputs, layer.inputs], layer.weight),
                    TableArray(name + ".bias", [layer.outputs], layer.bias),
                ] + (layer.norm.map { [TableArray(name + ".norm", [2, layer.outputs], $0)] } ?? [])
            }
        }
    }
    var facts: [String: [Int]] { ["hash_seed": [seed]] }

    func write(field: Int, id: Int32, to out: UnsafeMutablePointer<Float>) {
        guard let place = fields.firstIndex(of: field) else { return }
        let layers = networks[place]
        let room = max(family.count, layers.map(\.outputs).max() ?? 0)
        withUnsafeTemporaryAllocation(of: Float.self, capacity: 2 * room) { space in
            var (x, y) = (space.baseAddress!, space.baseAddress! + room)
            family.write(id, to: x)
            for layer in layers.dropLast() {
                layer.apply(x, to: y)
                swap(&x, &y)
            }
            layers[layers.count - 1].apply(x, to: out)
        }
    }
}
