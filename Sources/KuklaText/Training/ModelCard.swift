import Foundation
import KuklaFormats

/// What a model's README tells: from what it was made, how, and how good it was measured to be.
public struct ModelCard: Sendable {
    /// The model that training began with, or the models that were merged.
    public var base: String
    /// How it was merged, in Markdown; nil where it was trained.
    public var merge: String?
    /// What was minimised, in a sentence.
    public var objective: String
    /// The number of training examples.
    public var examples: Int
    /// Updates of the weights.
    public var steps: Int
    /// Measured values by name, such as `spearman`, and where they were measured.
    public var metrics: [String: Double]
    public var measuredOn: String?
    /// The recipe, in YAML.
    public var recipe: String
    /// The sizes that the model was trained for; nil for the whole one only.
    public var sizes: SizeTable?

    public init(
        base: String, objective: String, examples: Int, steps: Int, metrics: [String: Double] = [:],
        measuredOn: String? = nil, recipe: String = "", sizes: SizeTable? = nil
    ) {
        self.base = base
        self.objective = objective
        self.examples = examples
        self.steps = steps
        self.metrics = metrics
        self.measuredOn = measuredOn
        self.recipe = recipe
        self.sizes = sizes
    }

    /// The card of a model that was merged.
    ///
    /// - Parameter how: the method and its figures, in Markdown.
    public init(merged models: [String], base: String?, how: String) {
        self.init(
            base: models.joined(separator: "`, `") + (base.map { "` on top of `\($0)" } ?? ""), objective: "",
            examples: 0, steps: 0)
        merge = how
    }

    /// The picture beside the README, where sizes were measured.
    static let chartName = "quality.svg"

    /// The card as Markdown with the front matter that the Hugging Face hub reads.
    func markdown(
        name: String, dimensions: Int, maximumLength: Int, isLateInteraction: Bool = false,
        prompts: PromptTable = PromptTable(), isForKuklaAlone: Bool = false
    ) -> String {
        let library = isForKuklaAlone ? "kukla" : isLateInteraction ? "PyLate" : "sentence-transformers"
        let tags =
            (isLateInteraction ? ["PyLate", "ColBERT"] : []) + [
                "sentence-transformers", "sentence-similarity", "feature-extraction",
            ]
        let kind =
            isLateInteraction
            ? "A late-interaction encoder: each token of a text of up to \(maximumLength) tokens to a vector"
            : "A sentence encoder: texts of up to \(maximumLength) tokens to vectors"
        var text = """
            ---
            library_name: \(library)
            pipeline_tag: sentence-similarity
            tags:
            \(tags.map { "- \($0)" }.joined(separator: "\n"))
            ---

            # \(name)

            \(kind) of \(dimensions) dimensions. \(merge == nil ? "Trained" : "Merged") with Kukla from
            `\(base)`.

            ## How it was \(merge == nil ? "trained" : "merged")

            \(merge ?? "\(objective) \(examples) examples, \(steps) steps.\n")
            """
        if !recipe.isEmpty { text += "\n```yaml\n\(recipe.trimmingCharacters(in: .newlines))\n```\n" }
        if !metrics.isEmpty {
            text += "\n## Measured quality\n\n"
            if let measuredOn { text += "On `\(measuredOn)`:\n\n" }
            text += TextTable(
                columns: [.init("metric"), .init("value", .right)],
                rows: metrics.sorted { $0.key < $1.key }.map { [$0.key, String(format: "%.4f", $0.value)] }
            ).markdown()
        }
        if let sizes { text += sizeSection(sizes) }
        let (python, flag) =
            isLateInteraction
            ? (
                """
                from pylate import models
                sets = models.ColBERT("path/to/this/folder").encode(["a text", "another"], is_query=False)
                """, " --multi-vector"
            )
            : (
                """
                from sentence_transformers import SentenceTransformer
                vectors = SentenceTransformer("path/to/this/folder").encode(["a text", "another"])
                """, ""
            )
        let command = "`kukla embed texts.txt\(flag) --model path/to/this/folder -o vectors.npy`"
        text += "\n## Use\n\n"
        text +=
            isForKuklaAlone
            ? "\(command). It pools by latent attention, which other tools cannot load.\n"
            : "```python\n\(python)\n```\n\nor \(command).\n"
        if !prompts.prompts.isEmpty {
            text += "\nQuestions have an instruction before them, documents none:\n\n"
            for name in prompts.prompts.keys.sorted() {
                text += "- `--instruction \(jsonQuoted(name))`"
                text += isForKuklaAlone ? "\n" : " or `prompt_name=\(jsonQuoted(name))`\n"
            }
        }
        if let small = sizes?.sizes.last?.size {
            text += """

                Smaller: `kukla embed texts.txt --model path/to/this/folder --dims \(small.dimensions) --layers \(small.layers) -o vectors.npy`, or a folder
                of that size for any loader: `kukla export --model path/to/this/folder --dims \(small.dimensions) --layers \(small.layers) -o small`.

                """
        }
        return text
    }

    private func sizeSection(_ sizes: SizeTable) -> String {
        var text = "\n## Sizes\n\n"
        if let metric = sizes.metric {
            text += "![\(metric) over dimensions](\(Self.chartName))\n\n"
            if let place = sizes.measuredOn { text += "Measured on `\(place)`:\n\n" }
        }
        return text + sizes.markdown()
    }
}
