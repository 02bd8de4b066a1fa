"""What the verbs that take an experiment take, for people; ``--help`` imports no more."""

_NAMED = """\
NAME is one of mu list experiments, or a path to a YAML file of your own.
"""
_KEYS = """\
Keys that choose:
  methods=ssd,iau     rows; also methods that the experiment does not name
  requests=a,b        forget sets; also files of ids, booleans, node pairs, or
                      names of images: .txt .csv .json .npy .pt (docs/files.md)
  seeds=3             pairs 0, 1, 2; seeds=0,4 takes these two, seed=4 this one
  oracles=3           retrained models of each pair
  compare=ROW         is ROW nearer to the oracle than each other row?
  null=false          without the row null: one more of them, judged as a method
  scale=small         a smaller version that the experiment describes
  mode=smoke          a version of any experiment: mu list modes
  oracle_at=[1,5]     requests in a row after which everything is scored
  sequence=cumulative each request in a row starts from the original

Keys that replace, in every block that has them:
  model=resnet20      a choice: data, model, recipe, evaluation (mu list ...)
  recipe.epochs=3     a value of it; so also data.KEY, model.KEY, ...
  method.alpha=5      an option of the methods
  request.label=2     an option of the forget sets

Models of your own; {pair}, {request}, {step} in a name tell files apart, and
{k} is the number of an oracle:
  weights=FILE        a model that was unlearned elsewhere, beside the others
  original=FILE       the model that is to forget, in place of training it
  oracles=FILES       those that never saw what is forgotten: {pair}_{k}.pt

Where it runs, which changes no number:
  compute=slurm       or ray, local; compute.workers=4  compute.device=cuda
"""
RUN = f"""\
usage: mu run NAME [key=value ...] [out=DIR]

Runs an experiment, but for what is in the store already; prints its tables and
writes them, the cards and a page (report.html) into DIR: results/NAME.
{_NAMED}
{_KEYS}\
  track=wandb         mirrors the results to Weights & Biases
  out=DIR             where the results go

Example:
  mu run quickstart methods=ssd,finetune seeds=2 method.lr=0.01

Exit code: 0, 1 when a row failed, 2 for a wrong word, 130 after Ctrl-C, 143
after SIGTERM.
"""
PLAN = f"""\
usage: mu plan NAME [pilot=true] [key=value ...]

Says what mu run would do with the same words: steps that are in the store,
steps to run, the minutes they take; for training that was never timed, a few
batches are timed now. From the pairs that are in the store it says about how
many pairs tell the original from retrained models, and how many recognise one.
{_NAMED}
Keys of its own:
  pilot=true          runs the first two pairs, without methods, to say it

{_KEYS}
Example:
  mu plan quickstart methods=ssd,finetune seeds=2
"""
TUNE = f"""\
usage: mu tune NAME [methods=a,b] [trials=20] [write=true] [out=DIR]
               [key=value ...]

Tries options of each method that has a section 'search' in its YAML, on the
seeds and forget sets under 'tuning' of the experiment, and writes the best for
each data set, model and kind of request into the method's YAML (section
'tuned', which mu run then uses) and every trial into DIR/tuning.json.
{_NAMED}
Keys of its own:
  trials=20           options tried of each method, its defaults first
  write=false         leaves the YAML as it is
  out=DIR             where tuning.json goes: results/NAME

{_KEYS}
Example:
  mu tune baselines_cifar10 scale=small methods=scrub trials=10 write=false
"""
CALIBRATE = f"""\
usage: mu calibrate NAME|DIR [pairs=3,5,10] [draws=2000] [key=value ...]

Says how often each verdict falls: every row is judged by many random groups of
a few of its pairs. A retrained model (the row null) should hardly ever differ,
and be called like the oracle more often the more pairs there are; the original
never. Runs an experiment as mu run does, or reads the folder of a run; without
a name it is the experiment null. Writes rates.md and rates.json beside the
results. Groups of n need 2 n pairs; 30 pairs say something.
{_NAMED}
Keys of its own:
  pairs=3,5,10        sizes of groups
  draws=2000          random groups of each size

{_KEYS}\
  out=DIR             where the results go

Example:
  mu calibrate null requests=class data=my_data model=my_model
  mu calibrate results/null
"""
AUDIT = """\
usage: mu audit data=NAME model=NAME net=FILE forget=FILE|NAME [key=value ...]

Says what can be said of one model that was to forget some samples: whether it
still knows them, how much can be left at most, every score beside that of
models retrained without them, and what was not tested. Prints the verdict and
writes a page for people (audit.html) and audit.json into DIR. Nothing is
trained, and no store is read.

What it needs:
  data=NAME           one of mu list datasets; data.KEY=value sets an option
  model=NAME          one of mu list models; model.KEY=value sets an option
  net=FILE            weights of the model (safetensors, or a state dict)
  forget=FILE         ids that were to be forgotten, one a line; or a request as
                      in mu run: forget=class request.label=3,
                      forget=random request.share=0.1 seed=0
What makes it say more:
  original=FILE       the model before; shows whether the tests find anything
  oracles=A,B,C       models retrained without the samples, from other seeds; a
                      pattern (oracles/*.pt, oracle_{k}.pt) names several; three
                      are the fewest for a class
  before=A.txt,B.txt  ids that earlier requests forgot, which must not be back
  drawn=true          the samples were drawn at random (false: they were chosen)

Keys of its own:
  evaluation=NAME     another panel of scores: mu list metrics
  device=cuda         where to compute: cpu
  out=DIR             where the page goes: results/audit

Example:
  mu audit data=orl_faces data.image_size=32 model=small_cnn net=new.pt
    original=old.pt oracles=retrained_*.pt forget=customer.txt

Exit code: 0 when it could be made, whatever it found; 2 for a wrong word.
"""
COMPLETION = """\
usage: mu completion bash|zsh|fish

Prints a script that completes verbs, experiments, methods and keys.

  bash: eval "$(mu completion bash)"    in ~/.bashrc
  zsh:  eval "$(mu completion zsh)"     in ~/.zshrc, after compinit
  fish: mu completion fish > ~/.config/fish/completions/mu.fish

Example:
  mu completion bash
"""
HELP = {
    "audit": AUDIT,
    "run": RUN,
    "plan": PLAN,
    "tune": TUNE,
    "calibrate": CALIBRATE,
    "completion": COMPLETION,
}
