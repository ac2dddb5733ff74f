import { describe, expect, it } from 'vitest';
import { type CommandOptions, commandProgram } from '../../../lib/client/command-program.ts';

const command = ['python', 'train.py'];

describe('a command as a program', () => {
  it('takes the Hugging Face preset, whose checkpoints are complete by a marker', () => {
    const { checkpoints, onNotice } = commandProgram({ command, preset: 'huggingface' });
    expect(checkpoints).toEqual({
      match: 'checkpoint-*',
      step: String.raw`checkpoint-(\d+)$`,
      complete: { by: 'marker', file: 'trainer_state.json', unchangedMs: 2_000 },
    });
    expect(onNotice).toBeUndefined();
  });

  it('reads the step of a Lightning checkpoint from its name', () => {
    const { step } = commandProgram({ command, preset: 'lightning' }).checkpoints;
    expect(new RegExp(step ?? '').exec('epoch=3-step=1200.ckpt')?.[1]).toBe('1200');
  });

  it('lets an option win over the preset', () => {
    const { checkpoints } = commandProgram({ command, preset: 'huggingface', complete: 'rename' });
    expect(checkpoints.match).toBe('checkpoint-*');
    expect(checkpoints.complete).toEqual({ by: 'rename' });
  });

  it('declares signals only when asked', () => {
    const program = commandProgram({
      command,
      checkpoints: '*.bin',
      complete: 'rename',
      onNotice: 'SIGUSR1',
      onSave: 'SIGUSR2',
    });
    expect(program.onNotice).toEqual({ signal: 'SIGUSR1' });
    expect(program.onSave).toEqual({ signal: 'SIGUSR2' });
  });

  it.each<[string, CommandOptions, string]>([
    ['no command', { command: [] }, 'no command'],
    ['no word about checkpoints', { command }, 'checkpoints'],
    ['an unknown preset', { command, preset: 'keras' }, '--preset'],
    ['a glob over folders', { command, checkpoints: 'a/*', complete: 'rename' }, '--checkpoints'],
    ['an unknown way to be complete', { command, preset: 'huggingface', complete: 'marker:' }, '--complete'],
    ['a pattern that is none', { command, preset: 'huggingface', stepPattern: '(' }, '--step-pattern'],
    ['a pattern without a group', { command, preset: 'huggingface', stepPattern: '\\d+' }, '--step-pattern'],
    ['a signal that kills', { command, preset: 'huggingface', onNotice: 'SIGKILL' }, '--on-notice'],
    [
      'a signal for saving that ends programs',
      { command, preset: 'huggingface', onSave: 'SIGTERM' },
      '--on-save',
    ],
  ])('refuses %s and names it', (_, options, named) => expect(() => commandProgram(options)).toThrow(named));
});
