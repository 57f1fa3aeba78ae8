internal import CDNNL
import CKernels
import Synchronization

extension GEMM {
    /// Whether this machine multiplies bfloat16 numbers faster than float32: AVX-512 BF16 (Cooper Lake, Zen 4 and later).
    package static let hasFastBFloat16 = CPULevel.current == .avx512 && kk_has_avx512_bf16()

    /// `C = op(A) * op(B) + beta * C` for operands of bfloat16, sums and `C` in float32; on the calling thread.
    ///
    /// Shapes and strides as in the float32 product; `beta` is 0 or 1. The operands carry 8 significant bits: a product of
    /// length k of unit normal numbers is off by about `sqrt(k) / 200`.
    package static func multiply(
        bfloat16 a: UnsafePointer<UInt16>, _ b: UnsafePointer<UInt16>, into c: UnsafeMutablePointer<Float>,
        m: Int, n: Int, k: Int, transposeA: Bool = false, transposeB: Bool = false,
        lda: Int? = nil, ldb: Int? = nil, ldc: Int? = nil, beta: Float = 0
    ) {
        guard m > 0, n > 0 else { return }
        contract(beta == 0 || beta == 1, "bfloat16 product: beta \(beta), expected 0 or 1")
        kk_limit_openmp_threads(1)
        let product = BFloat16Product.with(
            BFloat16Product.Lengths(
                m: m, n: n, k: k, transposeA: transposeA, transposeB: transposeB,
                lda: lda ?? (transposeA ? m : k), ldb: ldb ?? (transposeB ? k : n), ldc: ldc ?? n,
                accumulates: beta == 1))
        product.run(a, b, c)
    }
}

/// One shape of product, as oneDNN has compiled it: making one costs more than running a small one, so they are kept.
///
/// Safe to share: a primitive is immutable, and the memory that a run works in is the run's own.
private final class BFloat16Product: @unchecked Sendable {
    struct Lengths: Hashable, Sendable {
        var m, n, k: Int
        var transposeA, transposeB: Bool
        var lda, ldb, ldc: Int
        var accumulates: Bool
    }

    private static let made = Mutex<[Lengths: BFloat16Product]>([:])
    /// Shapes to keep: batches of packed texts have a new token count each time.
    private static let most = 256

    static func with(_ lengths: Lengths) -> BFloat16Product {
        if let product = made.withLock({ $0[lengths] }) { return product }
        let product = BFloat16Product(lengths)
        made.withLock {
            if $0.count >= most { $0.removeAll() }
            $0[lengths] = product
        }
        return product
    }

    private var engine: dnnl_engine_t?
    private var primitive: dnnl_primitive_t?
    private var a = dnnl_memory_desc_t()
    private var b = dnnl_memory_desc_t()
    private var c = dnnl_memory_desc_t()
    private var scratch = dnnl_memory_desc_t()

    private init(_ lengths: Lengths) {
        let (m, n, k) = (dnnl_dim_t(lengths.m), dnnl_dim_t(lengths.n), dnnl_dim_t(lengths.k))
        BFloat16Product.check(dnnl_engine_create(&engine, dnnl_cpu, 0), lengths)
        func describe(
            _ d: inout dnnl_memory_desc_t, _ x: dnnl_dim_t, _ y: dnnl_dim_t, _ stride: Int,
            _ transposed: Bool, _ type: dnnl_data_type_t
        ) {
            let lengths_ = BFloat16Product.dims(x, y)
            let strides =
                transposed
                ? BFloat16Product.dims(1, dnnl_dim_t(stride)) : BFloat16Product.dims(dnnl_dim_t(stride), 1)
            let status = lengths_.withUnsafeBufferPointer { l in
                strides.withUnsafeBufferPointer {
                    dnnl_memory_desc_init_by_strides(&d, 2, l.baseAddress, type, $0.baseAddress)
                }
            }
            BFloat16Product.check(status, lengths)
        }
        describe(&a, m, k, lengths.lda, lengths.transposeA, dnnl_bf16)
        describe(&b, k, n, lengths.ldb, lengths.transposeB, dnnl_bf16)
        describe(&c, m, n, lengths.ldc, false, dnnl_f32)
        var attributes: dnnl_primitive_attr_t?
        BFloat16Product.check(dnnl_primitive_attr_create(&attributes), lengths)
        defer { dnnl_primitive_attr_destroy(attributes) }
        BFloat16Product.check(
            dnnl_primitive_attr_set_scratchpad_mode(attributes, dnnl_scratchpad_mode_user), lengths)
        if lengths.accumulates {
            var after: dnnl_post_ops_t?
            BFloat16Product.check(dnnl_post_ops_create(&after), lengths)
            defer { dnnl_post_ops_destroy(after) }
            BFloat16Product.check(dnnl_post_ops_append_sum(after, 1), lengths)
            BFloat16Product.check(dnnl_primitive_attr_set_post_ops(attributes, after), lengths)
        }
        var operation = dnnl_matmul_desc_t()
        BFloat16Product.check(dnnl_matmul_desc_init(&operation, &a, &b, nil, &c), lengths)
        var description: dnnl_primitive_desc_t?
        BFloat16Product.check(
            dnnl_primitive_desc_create(&description, &operation, attributes, engine, nil), lengths)
        defer { dnnl_primitive_desc_destroy(description) }
        scratch = dnnl_primitive_desc_query_md(description, dnnl_query_scratchpad_md, 0).pointee
        BFloat16Product.check(dnnl_primitive_create(&primitive, description), lengths)
    }

    deinit {
        dnnl_primitive_destroy(primitive)
        dnnl_engine_destroy(engine)
    }

    func run(_ x: UnsafePointer<UInt16>, _ y: UnsafePointer<UInt16>, _ z: UnsafeMutablePointer<Float>) {
        let work = AlignedStorage<UInt8>(uninitialized: max(dnnl_memory_desc_get_size(&scratch), 1))
        var stream: dnnl_stream_t?
        BFloat16Product.check(
            dnnl_stream_create(&stream, engine, UInt32(dnnl_stream_default_flags.rawValue)), nil)
        defer { dnnl_stream_destroy(stream) }
        let memories: [(Int32, dnnl_memory_desc_t, UnsafeMutableRawPointer)] = [
            (sourceArgument, a, UnsafeMutableRawPointer(mutating: x)),
            (weightsArgument, b, UnsafeMutableRawPointer(mutating: y)),
            (resultArgument, c, UnsafeMutableRawPointer(z)),
            (scratchpadArgument, scratch, UnsafeMutableRawPointer(work.pointer)),
        ]
        var arguments: [dnnl_exec_arg_t] = []
        defer { for argument in arguments { dnnl_memory_destroy(argument.memory) } }
        for (name, description, data) in memories {
            var description = description
            var memory: dnnl_memory_t?
            BFloat16Product.check(dnnl_memory_create(&memory, &description, engine, data), nil)
            arguments.append(dnnl_exec_arg_t(arg: name, memory: memory))
        }
        BFloat16Product.check(
            dnnl_primitive_execute(primitive, stream, Int32(arguments.count), &arguments), nil)
        BFloat16Product.check(dnnl_stream_wait(stream), nil)
    }

    // The C interface wants arrays of 12 lengths.
    private static func dims(_ x: dnnl_dim_t, _ y: dnnl_dim_t) -> [dnnl_dim_t] {
        [x, y] + [dnnl_dim_t](repeating: 0, count: 10)
    }

    private static func check(_ status: dnnl_status_t, _ lengths: Lengths?) {
        contract(
            status == dnnl_success,
            "oneDNN bfloat16 product \(lengths.map { "\($0)" } ?? ""): status \(status.rawValue)")
    }
}

// The header's macros that Swift does not see.
private let sourceArgument: Int32 = 1
private let resultArgument: Int32 = 17
private let weightsArgument: Int32 = 33
private let scratchpadArgument: Int32 = 80
