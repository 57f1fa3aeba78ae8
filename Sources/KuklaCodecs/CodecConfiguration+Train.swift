public import KuklaNumerics

extension CodecConfiguration {
    /// Vectors that training looks at; more are sampled down.
    public static let trainingLimit = 131_072

    /// Vectors without which `train` throws: as many as there are centroids or directions to be learned.
    public var leastTrainingCount: Int {
        var least =
            switch quantizer {
            case .scalar: 2
            case .product(_, let bits): 1 << bits
            case .productFastScan: 16
            case .float32, .float16, .bfloat16, .sign, .randomized, .recurrentBinary: 1
            }
        for transform in transforms {
            switch transform {
            // The mean takes a direction away, and whitening divides by the variance of each.
            case .principalComponents(let kept, let variant):
                least = max(least, variant == .whitening ? kept + 1 : kept)
            case .optimizedRotation: least = max(least, 1 << productBits)
            case .truncation, .rotation, .head: break
            }
        }
        return least
    }

    /// Trains the codec on `vectors` `[n, dimensions]`.
    ///
    /// Where `n` exceeds 131,072, a sample of that many is used. The result depends on `seed`, not on `threads`.
    /// - Throws: `KuklaError.usage` where the dimensions do not fit (see `validate(dimensions:)`), `.badData` where there
    ///   are too few vectors or one has NaN or infinite components.
    public func train(
        on vectors: Matrix, metric: Metric, seed: UInt64 = 1, threads: Int = defaultThreadCount,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> any VectorCodec {
        try validate(dimensions: vectors.columns)
        var sample = trainingSample(of: vectors, limit: Self.trainingLimit, seed: seed)
        if let row = sample.firstNonFiniteRow {
            throw KuklaError(
                .badData,
                "Cannot train '\(self)': vector \(row) of the training sample has a NaN or infinite component. Remove such vectors."
            )
        }
        progress.begin("Training \(self)", total: transforms.count + 1, unit: "steps")
        defer { progress.end() }
        var trained: [VectorTransform] = []
        for (i, word) in transforms.enumerated() {
            let transform = try train(
                word, on: sample, metric: metric,
                isUnit: isUnit(before: i, metric: metric, dimensions: vectors.columns),
                seed: seed &+ UInt64(i + 1), threads: threads, progress: progress)
            sample = transform.stored(sample, threads: threads)
            trained.append(transform)
            progress.advance(by: 1)
        }
        let quantizer = try Self.train(
            quantizer, on: sample, metric: metric, seed: seed, threads: threads, progress: progress)
        progress.advance(by: 1)
        return trained.isEmpty
            ? quantizer : TransformedCodec(self, transforms: trained, quantizer: quantizer, metric: metric)
    }

    /// Makes the codec again that was trained with this configuration and gave `parameters`.
    ///
    /// - Throws: `KuklaError.badData` that names the parameter which is missing, surplus, or of wrong shape or value;
    ///   `.usage` where the dimensions do not fit.
    public func restore(
        metric: Metric, dimensions: Int, parameters: [String: Matrix]
    ) throws(KuklaError) -> any VectorCodec {
        try validate(dimensions: dimensions)
        guard !transforms.isEmpty else {
            return try Self.restore(
                quantizer, from: ParameterReader(parameters, codec: description), metric: metric,
                dimensions: dimensions)
        }
        var groups: [String: [String: Matrix]] = [:]
        let prefixes = ["quantizer."] + transforms.indices.map { "transform.\($0)." }
        for (name, value) in parameters {
            guard let prefix = prefixes.first(where: name.hasPrefix) else {
                throw ParameterReader([:], codec: description).failure(
                    name, "this codec has no such parameter")
            }
            groups[prefix, default: [:]][String(name.dropFirst(prefix.count))] = value
        }
        var d = dimensions
        var restored: [VectorTransform] = []
        for (i, word) in transforms.enumerated() {
            let prefix = "transform.\(i)."
            let reader = ParameterReader(groups[prefix] ?? [:], codec: description, prefix: prefix)
            let transform = try Self.restore(
                word, from: reader, metric: metric,
                isUnit: isUnit(before: i, metric: metric, dimensions: dimensions),
                dimensions: d, output: word.dimensions(from: d, in: self))
            d = transform.outputDimensions
            restored.append(transform)
        }
        let quantizer = try Self.restore(
            quantizer,
            from: ParameterReader(groups["quantizer."] ?? [:], codec: description, prefix: "quantizer."),
            metric: metric, dimensions: d)
        return TransformedCodec(self, transforms: restored, quantizer: quantizer, metric: metric)
    }

    // MARK: - Quantizers

    private static func train(
        _ quantizer: Quantizer, on vectors: Matrix, metric: Metric, seed: UInt64, threads: Int,
        progress: any ProgressReporter = SilentProgress()
    ) throws(KuklaError) -> any VectorCodec {
        let configuration = CodecConfiguration(quantizer: quantizer)
        switch quantizer {
        case .float32: return FloatCodec(metric: metric, dimensions: vectors.columns)
        case .float16: return HalfCodec(.float16, metric: metric, dimensions: vectors.columns)
        case .bfloat16: return HalfCodec(.bfloat16, metric: metric, dimensions: vectors.columns)
        case .scalar(let bits):
            return try ScalarCodec.train(
                on: vectors, bits: bits, metric: metric, seed: seed, threads: threads)
        case .product(let subspaces, let bits):
            return try ProductQuantizer.train(
                on: vectors, metric: metric, subspaces: subspaces, bits: bits, configuration: configuration,
                seed: seed, threads: threads, progress: progress)
        case .productFastScan(let subspaces):
            return try FastScanProductQuantizer.train(
                on: vectors, metric: metric, subspaces: subspaces, configuration: configuration, seed: seed,
                threads: threads, progress: progress)
        case .sign:
            return try SignBitCodec.train(
                on: vectors, metric: metric, configuration: configuration, seed: seed, threads: threads)
        case .randomized(let bits):
            return try RandomizedQuantizer.train(
                on: vectors, metric: metric, bits: bits, configuration: configuration, seed: seed,
                threads: threads)
        case .recurrentBinary(let m, let bits):
            return try RecurrentBinaryCodec(
                metric: metric, dimensions: vectors.columns, codeDimensions: m, bits: bits, seed: seed)
        }
    }

    private static func restore(
        _ quantizer: Quantizer, from reader: ParameterReader, metric: Metric, dimensions: Int
    ) throws(KuklaError) -> any VectorCodec {
        let configuration = CodecConfiguration(quantizer: quantizer)
        switch quantizer {
        case .float32, .float16, .bfloat16:
            try reader.expectOnly([])
            return try train(
                quantizer, on: Matrix(rows: 0, columns: dimensions), metric: metric, seed: 0, threads: 1)
        case .scalar(let bits):
            return try ScalarCodec(bits: bits, metric: metric, dimensions: dimensions, from: reader)
        case .product(let subspaces, let bits):
            return try ProductQuantizer(
                configuration: configuration, metric: metric, dimensions: dimensions, subspaces: subspaces,
                bits: bits, from: reader)
        case .productFastScan(let subspaces):
            return try FastScanProductQuantizer(
                configuration: configuration, metric: metric, dimensions: dimensions, subspaces: subspaces,
                from: reader)
        case .sign:
            return try SignBitCodec(
                configuration: configuration, metric: metric, dimensions: dimensions, from: reader)
        case .randomized(let bits):
            return try RandomizedQuantizer(
                configuration: configuration, metric: metric, dimensions: dimensions, bits: bits,
                from: reader)
        case .recurrentBinary(let m, let bits):
            return try RecurrentBinaryCodec(
                metric: metric, dimensions: dimensions, codeDimensions: m, bits: bits, from: reader)
        }
    }

    // MARK: - Transforms

    /// Whether vectors that reach transform `index` have length 1.
    func isUnit(before index: Int, metric: Metric, dimensions: Int) -> Bool {
        guard metric == .cosine else { return false }
        var d = dimensions
        var unit = true
        for transform in transforms[..<index] {
            switch transform {
            case .truncation(let kept): d = kept
            case .principalComponents(let kept, let variant):
                (d, unit) = (kept, variant == .whitening)
            case .head(let kept): (d, unit) = (kept, false)
            case .rotation(let kept), .optimizedRotation(_, let kept):
                unit = unit && (kept ?? d) == d
                d = kept ?? d
            }
        }
        return unit
    }

    /// Bits a part of the product codes that a trained rotation is for.
    private var productBits: Int {
        switch quantizer {
        case .product(_, let bits): bits
        case .productFastScan: 4
        default: 8
        }
    }

    private func train(
        _ transform: Transform, on vectors: Matrix, metric: Metric, isUnit: Bool, seed: UInt64, threads: Int,
        progress: any ProgressReporter
    ) throws(KuklaError) -> VectorTransform {
        let d = vectors.columns
        let kind: VectorTransform.Kind
        let output: Int
        switch transform {
        case .truncation(let kept):
            (kind, output) = (.truncation(normalises: isUnit), kept)
        case .rotation(let kept):
            output = kept ?? d
            kind = .projection(
                try Matrix.randomRotation(dimensions: d, seed: seed)[rows: 0..<output], mean: nil)
        case .head(let kept):
            (kind, output) = (.head(try HeadTransform(keeping: kept, of: vectors)), kept)
        case .principalComponents(let kept, let variant):
            output = kept
            guard vectors.rows >= kept else {
                throw KuklaError(
                    .badData,
                    "Cannot train '\(transform.word)' on \(vectors.rows) vectors; it needs at least \(kept). Give more vectors or choose fewer dimensions."
                )
            }
            let components = try PrincipalComponents(of: vectors, threads: threads)
            kind = try components.transform(kept, variant, word: transform.word, metric: metric, seed: seed)
        case .optimizedRotation(let subspaces, let kept):
            output = kept ?? d
            kind = .projection(
                try ProductQuantizer.learnRotation(
                    on: vectors, subspaces: subspaces, outputDimensions: output, bits: productBits,
                    seed: seed,
                    threads: threads, progress: progress), mean: nil)
        }
        return VectorTransform(kind, metric: metric, inputDimensions: d, outputDimensions: output)
    }

    private static func restore(
        _ transform: Transform, from reader: ParameterReader, metric: Metric, isUnit: Bool, dimensions d: Int,
        output: Int
    ) throws(KuklaError) -> VectorTransform {
        let kind: VectorTransform.Kind
        switch transform {
        case .truncation:
            try reader.expectOnly([])
            kind = .truncation(normalises: isUnit)
        case .rotation, .optimizedRotation:
            try reader.expectOnly(["matrix"])
            kind = .projection(try reader.matrix("matrix", rows: output, columns: d), mean: nil)
        case .head:
            kind = .head(try HeadTransform(from: reader, input: d, output: output))
        case .principalComponents(_, .whitening):
            try reader.expectOnly(["matrix", "mean", "deviations"])
            kind = .whitening(
                try reader.matrix("matrix", rows: output, columns: d),
                mean: try reader.vector("mean", count: d),
                deviations: try reader.vector("deviations", count: output), normalises: metric == .cosine)
        case .principalComponents:
            try reader.expectOnly(["matrix", "mean"])
            kind = .projection(
                try reader.matrix("matrix", rows: output, columns: d),
                mean: try reader.vector("mean", count: d))
        }
        return VectorTransform(kind, metric: metric, inputDimensions: d, outputDimensions: output)
    }
}

extension PrincipalComponents {
    /// The transform to the first `count` components.
    fileprivate func transform(
        _ count: Int, _ variant: CodecConfiguration.Transform.Variant, word: String, metric: Metric,
        seed: UInt64
    ) throws(KuklaError) -> VectorTransform.Kind {
        var matrix = directions[rows: 0..<count]
        switch variant {
        case .plain: return .projection(matrix, mean: mean)
        case .rotation:
            let rotation = try Matrix.randomRotation(dimensions: count, seed: seed)
            return .projection(rotation.multiplied(by: matrix), mean: mean)
        case .whitening:
            let deviations = variances.prefix(count).map { max(0, $0).squareRoot() }
            guard let first = deviations.first, let last = deviations.last, last > 1e-3 * first, last.isNormal
            else {
                let varying = deviations.count { $0 > 1e-3 * (deviations.first ?? 0) && $0.isNormal }
                throw KuklaError(
                    .badData,
                    "Cannot train '\(word)': the vectors vary in \(varying) directions only, and whitening divides by the variance of each. Choose at most \(varying) dimensions, or 'PCA\(count)'."
                )
            }
            let columns = matrix.columns
            matrix.withUnsafeMutableBufferPointer { m in
                for i in m.indices { m[i] /= deviations[i / columns] }
            }
            return .whitening(matrix, mean: mean, deviations: deviations, normalises: metric == .cosine)
        }
    }
}

extension VectorTransform {
    /// `stored` over several threads.
    fileprivate func stored(_ vectors: Matrix, threads: Int) -> Matrix {
        Matrix(rows: vectors.rows, columns: outputDimensions) { out in
            nonisolated(unsafe) let out = out  // each block writes rows of its own
            parallelFor(vectors.rows, grain: 2048, threads: threads) { rows in
                stored(vectors[rows: rows]).withUnsafeBufferPointer {
                    (out.baseAddress! + rows.lowerBound * outputDimensions)
                        .update(from: $0.baseAddress!, count: $0.count)
                }
            }
        }
    }
}
