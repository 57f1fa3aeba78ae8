import Foundation
import KuklaNN
import KuklaNumerics
import KuklaTensor
import KuklaText

/// What must hold exactly, whatever was trained.
struct InstructIdentities {
    let decoder: URL

    private static let text = "the river rose after days of rain and flooded the old town"
    private static let prompt = InstructionTemplate.standard.prompt(InstructExamples.claims)

    func add(to findings: inout StudyFindings) throws(KuklaError) {
        let tokenizer = try WordPieceTokenizer(folder: decoder)
        func difference(_ a: [Float], _ b: [Float]) -> Double {
            zip(a, b).reduce(0) { max($0, Double(abs($1.0 - $1.1))) }
        }
        func add(_ words: String, _ value: Double, _ relation: StudyBar.Relation, _ bound: Double) {
            findings.bars.append(StudyBar("5. \(words)", value, relation, bound))
        }
        var random = RandomSource(seed: 3)
        let width = 64
        let pooling = LatentAttentionPooling(
            try LatentAttentionShape(latents: 16, heads: 4), width: width, using: &random)
        // Nothing of it may begin at zero, or nothing would be seen.
        for named in pooling.parameters where !named.path.contains("norm") {
            named.parameter.value = .normal(named.parameter.shape, deviation: 0.2, using: &random)
        }
        let tokens = Tensor.normal([9, width], using: &random)
        let spread = { (x: Tensor) in
            (1..<9).reduce(0.0) {
                max($0, difference(x[rows: $1..<$1 + 1].elements, x[rows: 0..<1].elements))
            }
        }
        let free = spread(pooling.attended(tokens))
        if let latents = pooling.parameters.first(where: { $0.path == "latents" })?.parameter {
            latents.value = latents.value[rows: 0..<1].broadcast(to: latents.shape)
        }
        // Rounding is relative: with eight lanes a sum of fourteen is a few units of its last place off.
        add(
            "equal latents: greatest difference of what attention adds to tokens, over that with unequal ones",
            spread(pooling.attended(tokens)) / free, .atMost, 1e-6)

        let causal = try TextEncoderModule(folder: decoder)
        let open = try TextEncoderModule(folder: decoder, pooling: .mean, mask: .bidirectional)
        func vector(_ model: TextEncoderModule, _ prompt: String, pooled: Bool = false) -> [Float] {
            var batch = tokenizer.encode([Self.text], prompts: [prompt], maxLength: model.maximumLength)
            if pooled { batch.promptLengths = [] }
            return withoutGradient { model(batch) }.elements
        }
        add(
            "empty instruction: greatest difference from the vector without one",
            difference(
                vector(open, InstructionTemplate.standard.prompt("")),
                open.embed([Self.text], tokenizer: tokenizer).row(0)),
            .atMost, 1e-6)
        add(
            "instruction pooled or not: greatest difference of the vectors",
            difference(vector(open, Self.prompt), vector(open, Self.prompt, pooled: true)), .atLeast, 1e-3)
        add(
            "instruction or none: greatest difference of the vectors",
            difference(vector(open, Self.prompt), vector(open, "")), .atLeast, 1e-3)
        // Another end of the same text.
        let (first, second) = (
            tokenizer.encode([Self.text]),
            tokenizer.encode([Self.text.replacing("the old town", with: "many fields")])
        )
        let shared = zip(first.ids, second.ids).prefix { $0.0 == $0.1 }.count
        func edited(_ model: TextEncoderModule) -> Double {
            withoutGradient {
                difference(
                    model.tokenVectors(first)[rows: 0..<shared].elements,
                    model.tokenVectors(second)[rows: 0..<shared].elements)
            }
        }
        add("causal: greatest change of tokens before an edit", edited(causal), .atMost, 1e-6)
        add("bidirectional: greatest change of tokens before an edit", edited(open), .atLeast, 1e-3)
    }
}
